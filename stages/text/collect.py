"""Collect a corpus: documents, cleaned, without duplicates, in three splits."""

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.parallel import map_in_order
from stages.core.params import Params
from stages.core.progress import progress
from stages.metrics.collect import CollectMetrics
from stages.text.cleaning.clean import Handling, Rules, clean
from stages.text.cleaning.duplicates import Index, band_rows, sketch
from stages.text.cleaning.splits import NOT_GIVEN, TEST, TRAIN, VALIDATION, draw_splits
from stages.text.contracts import DOCUMENTS, SPLITS
from stages.text.sources.corpus import Corpus
from stages.text.sources.documents import Document, read_documents
from stages.text.sources.formats import Losses

BATCH_DOCUMENTS = 4_000
BATCH_CHARACTERS = 4_000_000
ROW_GROUP_BYTES = 8_000_000
DROPPED = ("empty", "too_short", "other_language", "duplicate", "near_duplicate", "malformed")
_CODES = {None: NOT_GIVEN, **{split: code for code, split in enumerate(SPLITS)}}
# Of what is the same, a test document stays rather than a training one.
_PRIORITY = {TEST: 0, VALIDATION: 1, TRAIN: 2, NOT_GIVEN: 3}
_ROWS = pa.schema([DOCUMENTS.schema.field(name) for name in ("doc_id", "text", "label")])
_NAMES = _ROWS.remove(1)

Share = Annotated[float, Field(gt=0, lt=0.5)]


class CollectParams(Params):
    """The section `text.collect`."""

    max_characters: int = Field(ge=1_000)
    urls: Handling
    emails: Handling
    numbers: Handling
    language_filter: bool
    duplicates: Literal["drop", "keep"]
    near_duplicate_similarity: float = Field(ge=0.3, le=1)
    split_unit: Literal["document", "group"]
    validation_share: Share
    test_share: Share
    seed: int
    workers: int = Field(ge=1)


class Cleaned(NamedTuple):
    """A batch of documents after cleaning.

    Attributes:
        rows: columns doc_id, text and label.
        known: of each row the `bytes` of its text, `given`, the code of the split that the source
            says, and the hashes of its `group` and `label`.
        sketches: what duplicates are found by; None where they are kept.
        dropped: documents that are not in `rows`, by reason.
        changed: documents in `rows` by the kind of change made to them.
    """

    rows: pa.Table
    known: pa.Table
    sketches: pa.Table | None
    dropped: Counter[str]
    changed: Counter[str]


def batches(documents: Iterable[Document]) -> Iterator[list[tuple]]:
    """Yield documents by columns, which processes hand over quicker than rows.

    A batch holds a bounded number of characters.
    """
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document.text)
        if characters >= BATCH_CHARACTERS or len(batch) == BATCH_DOCUMENTS:
            yield list(zip(*batch, strict=True))
            batch, characters = [], 0
    if batch:
        yield list(zip(*batch, strict=True))


def clean_batch(batch: list[tuple], corpus: Corpus, params: CollectParams) -> Cleaned:
    """Clean some documents and drop those that are too short or in another language."""
    rules = Rules(
        markup=corpus.markup, urls=params.urls, emails=params.emails, numbers=params.numbers
    )
    is_ours = _language_test(corpus.language) if params.language_filter else None
    dropped: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    kept: list[Document] = []
    for document in map(Document, *batch):
        text, changes = clean(document.text, rules)
        if not text:
            dropped["empty"] += 1
        elif len(text.split(" ", corpus.min_words - 1)) < corpus.min_words:
            dropped["too_short"] += 1
        elif is_ours and not is_ours(text):
            dropped["other_language"] += 1
        else:
            changed.update(changes)
            label = document.label and _name(document.label)
            kept.append(document._replace(doc_id=_name(document.doc_id), text=text, label=label))
    labels = [d.label or None for d in kept]
    rows = pa.table([[d.doc_id for d in kept], [d.text for d in kept], labels], schema=_ROWS)
    known = {
        "bytes": pc.binary_length(rows["text"]),
        "given": np.array([_CODES[d.split] for d in kept], dtype=np.int8),
        "group": _hash([d.group for d in kept]),
        "label": _hash([label or "" for label in labels]),
    }
    sketches = None
    if kept and params.duplicates == "drop":
        texts = rows["text"].combine_chunks()
        sketches = sketch(texts, band_rows(params.near_duplicate_similarity))
    return Cleaned(rows, pa.table(known), sketches, dropped, changed)


def _name(text: str) -> str:
    """Return an identifier or label as one line of printable characters."""
    if text.isprintable():
        return text
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _hash(texts: list[str]) -> np.ndarray:
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return pd.util.hash_array(np.array(encoded, dtype=object))


def _language_test(language: str) -> Any:
    # Imported here: it costs half a second, and only the filter needs it.
    import py3langid

    code = {"english": "en", "korean": "ko"}[language]
    return lambda text: py3langid.classify(text)[0] == code


class Gathered(NamedTuple):
    """What is known of every document after cleaning.

    Attributes:
        folder: has the Arrow file `names.arrow`, columns doc_id and label, and the file `texts`, in
            which texts are bytes one after another, so that any can be read by itself.
        ends: where each text ends there, of shape (documents,).
        given: the code of the split that the source says, of shape (documents,).
        groups: hash of the group of each, of shape (documents,).
        labels: hash of its label, of shape (documents,).
        dropped: what was left out, by reason.
        changed: documents by the kind of change made to them.
        examples: the first rows that made trouble.
    """

    folder: Path
    ends: np.ndarray
    given: np.ndarray
    groups: np.ndarray
    labels: np.ndarray
    dropped: Counter[str]
    changed: Counter[str]
    examples: list[str]

    def texts(self, documents: np.ndarray) -> pa.Array:
        """Return the texts of some documents, whose numbers are in order."""
        starts = np.where(documents > 0, self.ends[documents - 1], 0)
        with (self.folder / "texts").open("rb") as file:
            texts = [
                os.pread(file.fileno(), end - start, start)
                for start, end in zip(starts.tolist(), self.ends[documents].tolist(), strict=True)
            ]
        return pa.array(texts, pa.large_binary()).cast(pa.large_string())

    def tables(self, splits: np.ndarray) -> Iterator[pa.Table]:
        """Yield tables `documents` of some size, without the rows whose split is NOT_GIVEN."""
        names = pa.array(SPLITS)
        waiting: list[pa.Table] = []
        ends = np.concatenate([[0], self.ends])
        start = 0
        with (
            (self.folder / "texts").open("rb") as file,
            pa.OSFile(str(self.folder / "names.arrow")) as opened,
            pa.ipc.open_file(opened) as reader,
        ):
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                stop = start + len(batch)
                offsets = ends[start : stop + 1] - ends[start]
                text = pa.LargeStringArray.from_buffers(
                    len(batch), pa.py_buffer(offsets), pa.py_buffer(file.read(offsets[-1]))
                )
                codes = splits[start:stop]
                kept = codes != NOT_GIVEN
                rows = pa.table([batch["doc_id"], text, batch["label"]], schema=_ROWS)
                split = names.take(pa.array(codes[kept]))
                table = rows.filter(pa.array(kept)).add_column(1, DOCUMENTS.schema.field(1), split)
                waiting.append(table)
                start = stop
                if sum(t.nbytes for t in waiting) >= ROW_GROUP_BYTES:
                    yield pa.concat_tables(waiting)
                    waiting = []
        if any(map(len, waiting)):
            yield pa.concat_tables(waiting)


def gather(
    corpus: Corpus, raw: Path, params: CollectParams, folder: Path, index: Index | None
) -> Gathered:
    """Read and clean the corpus batch by batch.

    Args:
        corpus: says where it is.
        raw: folder of people's own corpora.
        params: say how it is cleaned.
        folder: an empty one, for the names and texts.
        index: takes the sketches of the documents; None keeps duplicates.

    Raises:
        StageError: no document is left.
    """
    losses = Losses()
    dropped: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    parts: list[list[np.ndarray]] = []
    found = read_documents(corpus, raw, params.max_characters, losses)
    work = partial(clean_batch, corpus=corpus, params=params)
    with (
        (folder / "texts").open("wb") as texts,
        pa.ipc.new_file(str(folder / "names.arrow"), _NAMES) as names,
    ):
        results = map_in_order(work, batches(found), params.workers, folder / "batches")
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
    for reason, n in losses.counts.items():
        (dropped if reason in DROPPED else changed)[reason] += n
    if not parts:
        raise StageError(
            f"corpus '{corpus.title}' is empty: no document of at least {corpus.min_words} words "
            f"(left out: {dict(dropped)})"
        )
    sizes, *known = map(np.concatenate, zip(*parts, strict=True))
    return Gathered(folder, np.cumsum(sizes), *known, dropped, changed, losses.examples)


def decide(gathered: Gathered, index: Index | None, params: CollectParams) -> np.ndarray:
    """Return the split of each document, NOT_GIVEN for duplicates, which are counted.

    Raises:
        StageError: a split is empty.
    """
    given = gathered.given
    kept = np.ones(len(given), dtype=bool)
    if index is not None:
        priority = np.array([_PRIORITY[code] for code in (TRAIN, VALIDATION, TEST, NOT_GIVEN)])
        rank = priority[given] * len(given) + np.arange(len(given))
        same, near = index.repeated(rank, gathered.texts)
        gathered.dropped.update(duplicate=int(same.sum()), near_duplicate=int(near.sum()))
        kept = ~(same | near)
    units = gathered.groups[kept] if params.split_unit == "group" else None
    splits = np.full(len(given), NOT_GIVEN, dtype=np.int8)
    splits[kept] = draw_splits(
        given[kept],
        units,
        gathered.labels[kept],
        params.validation_share,
        params.test_share,
        params.seed,
    )
    counts = count_splits(splits)
    if not all(counts.values()):
        raise StageError(
            f"the corpus is too small to split by {params.split_unit} ({counts}): bring more text, "
            "raise the shares or set split_unit: document"
        )
    return splits


def count_splits(splits: np.ndarray) -> dict[str, int]:
    """Return the number of documents in each split."""
    return {split: int((splits == code).sum()) for code, split in enumerate(SPLITS)}


def collect(corpus: Corpus, raw: Path, params: CollectParams, documents: Table) -> dict[str, Any]:
    """Write the table `documents` and return what there is to say of the corpus."""
    # A killed run leaves the folder behind; DVC does not look at what is called so.
    folder = documents.target.with_suffix(".partial")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        index = None
        if params.duplicates == "drop":
            index = stack.enter_context(Index(folder, params.near_duplicate_similarity))
        gathered = gather(corpus, raw, params, folder, index)
        splits = decide(gathered, index, params)
        with documents.writer() as writer:
            for table in gathered.tables(splits):
                writer.write_table(table)
    kept = splits != NOT_GIVEN
    labelled = gathered.labels != _hash([""])[0]
    return {
        "split_unit": params.split_unit,
        "given_splits": [s for c, s in enumerate(SPLITS) if (gathered.given == c).any()],
        "documents": {"total": int(kept.sum()), **count_splits(splits)},
        "groups": len(pd.unique(gathered.groups[kept])),
        "labels": len(pd.unique(gathered.labels[kept & labelled])),
        "dropped": {reason: gathered.dropped[reason] for reason in DROPPED},
        "changed": dict(gathered.changed),
        "examples": gathered.examples,
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
