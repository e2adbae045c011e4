"""The vocabulary as other rooms read it: its words, without the special tokens."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

UNKNOWN, BEGIN, END = "<unk>", "<bos>", "<eos>"
# The first token ids, in this order.
SPECIAL = (UNKNOWN, BEGIN, END)


def read_words(vocabulary: Path) -> pa.Table:
    """Return the rows of the table `vocabulary` that are words, not special tokens."""
    table = pq.read_table(vocabulary)
    return table.filter(pc.greater_equal(table["token_id"], len(SPECIAL)))
