"""The vocabulary as other rooms read it: its words, apart from the marks it begins with."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

UNKNOWN, BEGIN, END = "<unk>", "<bos>", "<eos>"
# In this order they have the first token ids.
SPECIAL = (UNKNOWN, BEGIN, END)


def read_words(vocabulary: Path) -> pa.Table:
    """Return the rows of the table `vocabulary` that are words of the corpus."""
    table = pq.read_table(vocabulary)
    return table.filter(pc.greater_equal(table["token_id"], len(SPECIAL)))
