"""Collect a corpus: documents, cleaned, without repetition, in three splits."""

import argparse
import contextlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field

from stages.errors import StageError
from stages.outputs import Outputs
from stages.params import Params, load
from stages.progress import progress
from stages.text.clean import Handling, Rules, clean
from stages.text.contracts import DOCUMENTS, SPLITS
from stages.text.corpus import Corpus, read_corpus_file
from stages.text.duplicates import Index, Sketches, band_rows, sketch
from stages.text.formats import Losses
from stages.text.parallel import map_in_order
from stages.text.sources import Document, read_documents
from stages.text.splits import NOT_GIVEN, TEST, TRAIN, VALIDATION, draw_splits

BATCH_DOCUMENTS = 4_000
BATCH_CHARACTERS = 4_000_000
ROW_GROUP_BYTES = 8_000_000
DROPPED = ("empty", "too_short", "other_language", "duplicate", "near_duplicate", "malformed")
_CODES = {None: NOT_GIVEN, **{split: code for code, split in enumerate(SPLITS)}}
# Of what is the same, a test document stays rather than a training one.
_PRIORITY = {TEST: 0, VALIDATION: 1, TRAIN: 2, NOT_GIVEN: 3}
_ASIDE = pa.schema([DOCUMENTS.schema.field(name) for name in ("doc_id", "text", "label")])

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
        given: the code of the split that the source says, of shape (documents,).
        groups: hash of the group of each, of shape (documents,).
        labels: hash of its label, of shape (documents,).
        sketches: what duplicates are found by; None where they are kept.
        dropped: documents that are not in `rows`, by reason.
        changed: documents in `rows` by the kind of change made to them.
    """

    rows: pa.RecordBatch
    given: np.ndarray
    groups: np.ndarray
    labels: np.ndarray
    sketches: Sketches | None
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
    texts = [d.text for d in kept]
    labels = [d.label or None for d in kept]
    sketches = None
    if texts and params.duplicates == "drop":
        sketches = sketch(texts, band_rows(params.near_duplicate_similarity))
    return Cleaned(
        pa.record_batch([[d.doc_id for d in kept], texts, labels], schema=_ASIDE),
        np.array([_CODES[d.split] for d in kept], dtype=np.int8),
        _hash([d.group for d in kept]),
        _hash([label or "" for label in labels]),
        sketches,
        dropped,
        changed,
    )


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
    """What is known of every document after cleaning; their rows are in a file.

    Attributes:
        given: the code of the split that the source says, of shape (documents,).
        groups: hash of the group of each, of shape (documents,).
        labels: hash of its label, of shape (documents,).
        dropped: what was left out, by reason.
        changed: documents by the kind of change made to them.
        examples: the first rows that made trouble.
    """

    given: np.ndarray
    groups: np.ndarray
    labels: np.ndarray
    dropped: Counter[str]
    changed: Counter[str]
    examples: list[str]


def gather(
    corpus: Corpus, raw: Path, params: CollectParams, rows: Path, index: Index | None
) -> Gathered:
    """Read and clean the corpus batch by batch.

    Args:
        corpus: says where it is.
        raw: folder of people's own corpora.
        params: say how it is cleaned.
        rows: Arrow file that is written: columns doc_id, text and label.
        index: takes the sketches of the documents; None keeps duplicates.

    Raises:
        StageError: no document is left.
    """
    losses = Losses()
    dropped: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    found = read_documents(corpus, raw, params.max_characters, losses)
    work = partial(clean_batch, corpus=corpus, params=params)
    with pa.ipc.new_file(str(rows), _ASIDE) as writer:
        results = map_in_order(work, batches(found), params.workers)
        for cleaned in progress(results, "collecting batches of up to 4 MB"):
            dropped.update(cleaned.dropped)
            changed.update(cleaned.changed)
            if len(cleaned.rows):
                writer.write_batch(cleaned.rows)
                parts.append((cleaned.given, cleaned.groups, cleaned.labels))
                if index is not None:
                    index.add(cleaned.sketches)
    for reason, n in losses.counts.items():
        (dropped if reason in DROPPED else changed)[reason] += n
    if not parts:
        raise StageError(
            f"corpus '{corpus.title}' is empty: no document of at least {corpus.min_words} words "
            f"(left out: {dict(dropped)})"
        )
    given, groups, labels = map(np.concatenate, zip(*parts, strict=True))
    return Gathered(given, groups, labels, dropped, changed, losses.examples)


def decide(gathered: Gathered, index: Index | None, params: CollectParams) -> np.ndarray:
    """Return the split of each document, NOT_GIVEN for duplicates, which are counted.

    Raises:
        StageError: a split is empty.
    """
    given = gathered.given
    kept = np.ones(len(given), dtype=bool)
    if index is not None:
        priority = np.array([_PRIORITY[code] for code in (TRAIN, VALIDATION, TEST, NOT_GIVEN)])
        same, near = index.repeated(priority[given] * len(given) + np.arange(len(given)))
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


def with_splits(rows: Path, splits: np.ndarray) -> Iterator[pa.Table]:
    """Yield tables `documents` of some size, without the rows whose split is NOT_GIVEN."""
    names = pa.array(SPLITS)
    waiting: list[pa.Table] = []
    start = 0
    with pa.OSFile(str(rows)) as file, pa.ipc.open_file(file) as reader:
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            codes = splits[start : start + len(batch)]
            start += len(batch)
            table = pa.table(batch.filter(pa.array(codes != NOT_GIVEN)))
            split = names.take(pa.array(codes[codes != NOT_GIVEN]))
            waiting.append(table.add_column(1, DOCUMENTS.schema.field("split"), split))
            if sum(t.nbytes for t in waiting) >= ROW_GROUP_BYTES:
                yield pa.concat_tables(waiting)
                waiting = []
    if any(map(len, waiting)):
        yield pa.concat_tables(waiting)


def collect(
    corpus: Corpus, raw: Path, params: CollectParams, outputs: Outputs, documents: Path
) -> dict[str, Any]:
    """Write the table `documents` and return what there is to say of the corpus."""
    # A killed run leaves the folder behind; DVC does not look at what is called so.
    folder = documents.with_suffix(".partial")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows = folder / "rows.arrow"
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        index = None
        if params.duplicates == "drop":
            index = stack.enter_context(Index(folder, params.near_duplicate_similarity))
        gathered = gather(corpus, raw, params, rows, index)
        splits = decide(gathered, index, params)
        with outputs.table_writer(documents, DOCUMENTS) as writer:
            for table in with_splits(rows, splits):
                writer.write_table(table)
    kept = splits != NOT_GIVEN
    labelled = gathered.labels != _hash([""])[0]
    return {
        "split_unit": params.split_unit,
        "given_splits": [s for c, s in enumerate(SPLITS) if (gathered.given == c).any()],
        "documents": {"total": int(kept.sum()), **count_splits(splits)},
        "groups": len(np.unique(gathered.groups[kept])),
        "labels": len(np.unique(gathered.labels[kept & labelled])),
        "dropped": {reason: gathered.dropped[reason] for reason in DROPPED},
        "changed": dict(gathered.changed),
        "examples": gathered.examples,
    }


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, collect, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path, help="file of conf/corpus")
    parser.add_argument("raw", type=Path, help="folder of people's own corpora")
    parser.add_argument("documents", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, CollectParams)
    corpus = read_corpus_file(args.corpus)

    with Outputs(args.validation) as outputs:
        metrics = collect(corpus, args.raw, params, outputs, args.documents)
        about = {
            "name": args.corpus.stem,
            **corpus.model_dump(include={"title", "licence", "homepage", "language"}),
            "sources": [
                source.url or f"{source.package or args.raw}: {source.path}"
                for source in corpus.sources
            ],
        }
        outputs.json(args.metrics, {"corpus": about, **metrics})
