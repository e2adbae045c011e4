"""Collect a corpus: documents, cleaned, without duplicates, in three splits."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.core.command import Input, Workers, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table, staged
from stages.metrics.collect import CollectMetrics
from stages.text.cleaning.batches import hashes
from stages.text.cleaning.duplicates import Index
from stages.text.cleaning.params import CollectParams
from stages.text.cleaning.splits import NOT_GIVEN, TEST, TRAIN, VALIDATION, draw_splits
from stages.text.cleaning.spool import DROPPED, Spool, spool, times_met
from stages.text.contracts import DOCUMENTS, SPLITS
from stages.text.sources.corpus import Corpus
from stages.text.sources.documents import locate

# Among duplicates, a test document is kept rather than a training document.
_PRIORITY = {TEST: 0, VALIDATION: 1, TRAIN: 2, NOT_GIVEN: 3}


def decide(spooled: Spool, index: Index | None, params: CollectParams) -> np.ndarray:
    """Return the split of each document, NOT_GIVEN for dropped duplicates, and count these.

    Raises:
        StageError: a split is empty.
    """
    given = spooled.given
    kept = np.ones(len(given), dtype=bool)
    if index is not None:
        priority = np.array([_PRIORITY[code] for code in (TRAIN, VALIDATION, TEST, NOT_GIVEN)])
        rank = priority[given] * len(given) + np.arange(len(given))
        duplicate, near = index.repeated(rank, spooled.texts)
        spooled.dropped.update(duplicate=int(duplicate.sum()), near_duplicate=int(near.sum()))
        kept = ~(duplicate | near)
    units = spooled.groups[kept] if params.split_unit == "group" else None
    splits = np.full(len(given), NOT_GIVEN, dtype=np.int8)
    splits[kept] = draw_splits(
        given[kept],
        units,
        spooled.labels[kept],
        params.validation_share,
        params.test_share,
        params.seed,
    )
    counts = count_splits(splits)
    if not ((given == TRAIN) | (given == NOT_GIVEN))[kept].any():
        raise StageError(
            f"the corpus has only {' and '.join(_given(given))} documents, none to train on: "
            "name a source for train, or let the splits be drawn"
        )
    if not all(counts.values()):
        raise StageError(
            f"the corpus is too small to split by {params.split_unit} ({counts}): add text, raise "
            "the shares or set split_unit: document"
        )
    return splits


def _given(given: np.ndarray) -> list[str]:
    """Return the splits that the sources give."""
    return [split for code, split in enumerate(SPLITS) if (given == code).any()]


def count_splits(splits: np.ndarray) -> dict[str, int]:
    """Return the number of documents in each split."""
    return {split: int((splits == code).sum()) for code, split in enumerate(SPLITS)}


def collect(
    corpus: Corpus, raw: Path, params: CollectParams, workers: int, documents: Table
) -> dict[str, Any]:
    """Write the table `documents` and return metrics of the corpus."""
    # .dvcignore contains the pattern of this name.
    folder = staged(documents.target.with_suffix(""))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        index = None
        if params.duplicates == "drop":
            index = stack.enter_context(Index(folder, params.near_duplicate_similarity))
        spooled = spool(corpus, raw, params, workers, folder, index)
        splits = decide(spooled, index, params)
        occurrence = times_met(spooled.ids, splits != NOT_GIVEN)
        spooled.changed["repeated_id"] = int((occurrence > 1).sum())
        with documents.writer() as writer:
            for table in spooled.tables(splits, occurrence):
                writer.write_table(table)
    kept = splits != NOT_GIVEN
    given = _given(spooled.given)
    is_incomplete = (spooled.given[kept] == NOT_GIVEN).any()
    labelled = spooled.labels != hashes([""])[0]
    return {
        "split_unit": params.split_unit,
        "given_splits": given,
        "drawn_splits": [split for split in SPLITS if is_incomplete or split not in given],
        "documents": {"total": int(kept.sum()), **count_splits(splits)},
        "groups": len(pd.unique(spooled.groups[kept])),
        "labels": len(pd.unique(spooled.labels[kept & labelled])),
        "dropped": {reason: spooled.dropped[reason] for reason in DROPPED},
        "changed": dict(spooled.changed),
        "left_out": spooled.left_out,
        "examples": spooled.examples,
    }


def check(*, corpus: Corpus, raw: Path) -> None:
    """Check that the files of a corpus exist, except those with a URL, which are fetched later."""
    for source in corpus.sources:
        if not source.url:
            locate(source, raw)


@command
def main(
    *,
    params: CollectParams,
    workers: Workers,
    corpus: Corpus,
    raw: Input,
    documents: Table[DOCUMENTS],
    metrics: Output,
) -> None:
    """Collect a corpus: documents, cleaned, without duplicates, in three splits.

    Args:
        corpus: file in conf/corpus
        raw: folder of your own corpora
    """
    collected = collect(corpus, raw, params, workers, documents)
    about = {
        "name": Path(corpus.section).stem,
        **corpus.model_dump(include={"title", "licence", "homepage", "language"}),
        "sources": [
            source.url or f"{source.package or raw}: {source.path}" for source in corpus.sources
        ],
    }
    metrics.write_json(CollectMetrics(corpus=about, **collected))
