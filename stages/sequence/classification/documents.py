"""The labelled documents of a corpus."""

from pathlib import Path
from typing import NamedTuple

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
    """Return, for each split, the documents of the table `tokens` that have a label."""
    table = pq.read_table(tokens, columns=["doc_id", "split", "tokens", "label"])
    table = table.filter(pc.is_valid(table["label"]))
    return {split: _documents(table.filter(pc.equal(table["split"], split))) for split in SPLITS}


def _documents(table: pa.Table) -> Documents:
    return Documents(*(table[name].to_pylist() for name in ("doc_id", "tokens", "label")))


def why_unscored(splits: dict[str, Documents]) -> str | None:
    """Return why no classifier can be trained and scored on documents; None where one can."""
    labels = set(splits["train"].labels)
    if not any(documents.labels for documents in splits.values()):
        return "the corpus has no labels"
    if len(labels) < 2:
        return f"the training split has {len(labels)} of the at least two labels that it needs"
    for split in ("validation", "test"):
        if not splits[split].labels:
            return f"the {split} split has no labelled document"
    return None
