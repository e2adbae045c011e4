"""Labelled documents as sequences of word numbers."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SPLITS = ("train", "validation", "test")


class Documents(NamedTuple):
    """The labelled documents of a split, in the order of the table."""

    doc_ids: list[str]
    tokens: list[list[str]]
    labels: list[str]


def read_labelled(tokens: Path) -> dict[str, Documents]:
    """Return the documents of each split in the table `tokens` that have a label."""
    table = pq.read_table(tokens, columns=["doc_id", "split", "tokens", "label"])
    table = table.filter(pc.is_valid(table["label"]))
    return {split: _documents(table.filter(pc.equal(table["split"], split))) for split in SPLITS}


def _documents(table: pa.Table) -> Documents:
    return Documents(*(table[name].to_pylist() for name in ("doc_id", "tokens", "label")))


def why_unscored(splits: dict[str, Documents]) -> str | None:
    """Return why no classifier can be trained and judged on documents; None where one can."""
    labels = set(splits["train"].labels)
    if not any(own.labels for own in splits.values()):
        return "the corpus has no labels"
    if len(labels) < 2:
        return f"the training split has {len(labels)} of the two labels that it takes at least"
    for split in ("validation", "test"):
        if not splits[split].labels:
            return f"the {split} split has no labelled document"
    return None


def numbered(document: list[str], number: dict[str, int], max_words: int) -> np.ndarray:
    """Return the number of each word, 0 where it has none; of a longer document both ends.

    Args:
        document: its words.
        number: of each known word.
        max_words: that are kept.
    """
    if len(document) > max_words:
        begin = max_words // 2
        document = document[:begin] + document[len(document) - (max_words - begin) :]
    return np.array([number.get(word, 0) for word in document], dtype=np.int64)
