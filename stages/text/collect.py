"""Collect a corpus: documents, cleaned, without duplicates, in three splits."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.core.command import Input, command
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

# Of what is the same, a test document stays rather than a training one.
_PRIORITY = {TEST: 0, VALIDATION: 1, TRAIN: 2, NOT_GIVEN: 3}


def decide(spooled: Spool, index: Index | None, params: CollectParams) -> np.ndarray:
    """Return the split of each document, NOT_GIVEN for duplicates, which are counted.

    Raises:
        StageError: a split is empty.
    """
    given = spooled.given
    kept = np.ones(len(given), dtype=bool)
    if index is not None:
        priority = np.array([_PRIORITY[code] for code in (TRAIN, VALIDATION, TEST, NOT_GIVEN)])
        rank = priority[given] * len(given) + np.arange(len(given))
        same, near = index.repeated(rank, spooled.texts)
        spooled.dropped.update(duplicate=int(same.sum()), near_duplicate=int(near.sum()))
        kept = ~(same | near)
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
            f"the corpus has no document to train on: it gives {' and '.join(_given(given))} "
            "alone; name a source for train, or leave the splits to be drawn"
        )
    if not all(counts.values()):
        raise StageError(
            f"the corpus is too small to split by {params.split_unit} ({counts}): bring more text, "
            "raise the shares or set split_unit: document"
        )
    return splits


def _given(given: np.ndarray) -> list[str]:
    """Return the splits that the source says."""
    return [split for code, split in enumerate(SPLITS) if (given == code).any()]


def count_splits(splits: np.ndarray) -> dict[str, int]:
    """Return the number of documents in each split."""
    return {split: int((splits == code).sum()) for code, split in enumerate(SPLITS)}


def collect(corpus: Corpus, raw: Path, params: CollectParams, documents: Table) -> dict[str, Any]:
    """Write the table `documents` and return what there is to say of the corpus."""
    # DVC ignores what has such a name.
    folder = staged(documents.target.with_suffix(""))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        index = None
        if params.duplicates == "drop":
            index = stack.enter_context(Index(folder, params.near_duplicate_similarity))
        spooled = spool(corpus, raw, params, folder, index)
        splits = decide(spooled, index, params)
        met = times_met(spooled.ids, splits != NOT_GIVEN)
        spooled.changed["repeated_id"] = int((met > 1).sum())
        with documents.writer() as writer:
            for table in spooled.tables(splits, met):
                writer.write_table(table)
    kept = splits != NOT_GIVEN
    given = _given(spooled.given)
    unsaid = (spooled.given[kept] == NOT_GIVEN).any()
    labelled = spooled.labels != hashes([""])[0]
    return {
        "split_unit": params.split_unit,
        "given_splits": given,
        "drawn_splits": SPLITS if unsaid else [split for split in SPLITS if split not in given],
        "documents": {"total": int(kept.sum()), **count_splits(splits)},
        "groups": len(pd.unique(spooled.groups[kept])),
        "labels": len(pd.unique(spooled.labels[kept & labelled])),
        "dropped": {reason: spooled.dropped[reason] for reason in DROPPED},
        "changed": dict(spooled.changed),
        "left_out": spooled.left_out,
        "examples": spooled.examples,
    }


@command
def main(
    *,
    params: CollectParams,
    corpus: Corpus,
    raw: Input,
    documents: Table[DOCUMENTS],
    metrics: Output,
) -> None:
    """Collect a corpus: documents, cleaned, without duplicates, in three splits.

    Args:
        corpus: file of conf/corpus
        raw: folder of people's own corpora
    """
    collected = collect(corpus, raw, params, documents)
    about = {
        "name": Path(corpus.section).stem,
        **corpus.model_dump(include={"title", "licence", "homepage", "language"}),
        "sources": [
            source.url or f"{source.package or raw}: {source.path}" for source in corpus.sources
        ],
    }
    metrics.write_json(CollectMetrics(corpus=about, **collected))
