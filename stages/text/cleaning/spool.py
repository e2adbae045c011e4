"""Cleaned documents on disk, so that memory does not grow with the corpus."""

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.core.errors import StageError
from stages.core.losses import Losses
from stages.core.parallel import map_in_order
from stages.core.progress import progress
from stages.text.cleaning.batches import ROWS, batches, clean_batch
from stages.text.cleaning.duplicates import Index
from stages.text.cleaning.params import CollectParams
from stages.text.cleaning.splits import NOT_GIVEN
from stages.text.contracts import DOCUMENTS, SPLITS
from stages.text.sources.corpus import Corpus
from stages.text.sources.documents import read_documents

ROW_GROUP_BYTES = 8_000_000
LEFT_OUT = ("hidden_file", "other_ending", "inner_archive", "link")
DROPPED = ("empty", "too_short", "other_language", "duplicate", "near_duplicate", "malformed")
_NAMES = ROWS.remove(1)


class Spool(NamedTuple):
    """The documents after cleaning.

    Attributes:
        folder: folder with the Arrow file `names.arrow`, columns doc_id and label, and the file
            `texts`, the concatenated bytes of the texts, so that each can be read separately.
        ends: end offset of each text, (documents,).
        given: code of the split that the source gives, (documents,).
        ids: hash of each id, (documents,).
        groups: hash of each group, (documents,).
        labels: hash of each label, (documents,).
        dropped: number of dropped documents by reason.
        changed: number of changed documents by kind of change.
        left_out: number of files that were not read, by reason.
        examples: first files and rows of each reason and kind.
    """

    folder: Path
    ends: np.ndarray
    given: np.ndarray
    ids: np.ndarray
    groups: np.ndarray
    labels: np.ndarray
    dropped: Counter[str]
    changed: Counter[str]
    left_out: dict[str, int]
    examples: list[str]

    def texts(self, documents: np.ndarray) -> pa.Array:
        """Return the texts of documents, given their sorted indices."""
        starts = np.where(documents > 0, self.ends[documents - 1], 0)
        with (self.folder / "texts").open("rb") as file:
            texts = [
                os.pread(file.fileno(), end - start, start)
                for start, end in zip(starts.tolist(), self.ends[documents].tolist(), strict=True)
            ]
        return pa.array(texts, pa.large_binary()).cast(pa.large_string())

    def tables(self, splits: np.ndarray, times_met: np.ndarray) -> Iterator[pa.Table]:
        """Yield the table `documents` in parts, without the rows whose split is NOT_GIVEN.

        A repeated id gets the number of its occurrence as a suffix.
        """
        names = pa.array(SPLITS)
        pending: list[pa.Table] = []
        ends = np.concatenate([[0], self.ends])
        start = 0
        with (
            (self.folder / "texts").open("rb") as file,
            pa.OSFile(str(self.folder / "names.arrow")) as opened,
            pa.ipc.open_file(opened) as reader,
        ):
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                stop = start + len(batch)
                offsets = ends[start : stop + 1] - ends[start]
                text = pa.LargeStringArray.from_buffers(
                    len(batch), pa.py_buffer(offsets), pa.py_buffer(file.read(offsets[-1]))
                )
                codes = splits[start:stop]
                kept = codes != NOT_GIVEN
                doc_id, times = batch["doc_id"], times_met[start:stop]
                if (times > 1).any():
                    pairs = zip(doc_id.to_pylist(), times.tolist(), strict=True)
                    doc_id = pa.array([f"{name}~{n}" if n > 1 else name for name, n in pairs])
                rows = pa.table([doc_id, text, batch["label"]], schema=ROWS)
                split = names.take(pa.array(codes[kept]))
                table = rows.filter(pa.array(kept)).add_column(1, DOCUMENTS.schema.field(1), split)
                pending.append(table)
                start = stop
                if sum(t.nbytes for t in pending) >= ROW_GROUP_BYTES:
                    yield pa.concat_tables(pending)
                    pending = []
        if any(map(len, pending)):
            yield pa.concat_tables(pending)


def times_met(ids: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the number of each id's occurrence among the documents that are kept, from 1."""
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(ids[rows], kind="stable")]
    begins = np.flatnonzero(np.diff(ids[rows], prepend=ids[rows[:1]] + 1))
    times = np.zeros(len(ids), dtype=np.int64)
    times[rows] = np.arange(len(rows)) + 1
    times[rows] -= np.repeat(begins, np.diff(begins, append=len(rows)))
    return times


def spool(
    corpus: Corpus,
    raw: Path,
    params: CollectParams,
    workers: int,
    folder: Path,
    index: Index | None,
) -> Spool:
    """Read and clean the corpus batch by batch.

    Args:
        corpus: description of the corpus.
        raw: folder of the user's own corpora.
        params: parameters of collecting.
        workers: number of processes.
        folder: empty folder for the names and texts.
        index: index to which sketches are added, or None to keep duplicates.

    Raises:
        StageError: no document is left.
    """
    losses = Losses("malformed", "repaired_row", "cut")
    dropped: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    parts: list[list[np.ndarray]] = []
    found = read_documents(corpus, raw, params.max_characters, losses)
    work = partial(clean_batch, corpus=corpus, params=params)
    with (
        (folder / "texts").open("wb") as texts,
        pa.ipc.new_file(str(folder / "names.arrow"), _NAMES) as names,
    ):
        results = map_in_order(work, batches(found), workers, folder / "batches")
        for cleaned in progress(results, "collecting batches of up to 4 MB"):
            dropped.update(cleaned.dropped)
            changed.update(cleaned.changed)
            if len(cleaned.rows):
                names.write_table(cleaned.rows.select(_NAMES.names))
                _, _, data = cleaned.rows["text"].combine_chunks().buffers()
                texts.write(data[: pc.sum(cleaned.known["bytes"]).as_py()])
                parts.append([np.array(column) for column in cleaned.known.columns])
                if index is not None:
                    index.add(cleaned.sketches)
    left_out = {reason: losses.counts.pop(reason, 0) for reason in LEFT_OUT}
    for reason, n in losses.counts.items():
        (dropped if reason in DROPPED else changed)[reason] += n
    if not parts:
        example = f"; first {losses.examples[0]}" if losses.examples else ""
        raise StageError(
            f"corpus '{corpus.title}' is empty: no document of at least {corpus.min_words} words "
            f"(left out: {dict(dropped)}{example})"
        )
    sizes, *known = map(np.concatenate, zip(*parts, strict=True))
    return Spool(folder, np.cumsum(sizes), *known, dropped, changed, left_out, losses.examples)
