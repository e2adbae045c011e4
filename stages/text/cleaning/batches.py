"""Clean documents batch by batch."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from stages.text.cleaning.clean import Rules, clean
from stages.text.cleaning.duplicates import band_rows, sketch
from stages.text.cleaning.params import CollectParams
from stages.text.cleaning.splits import NOT_GIVEN
from stages.text.contracts import DOCUMENTS, SPLITS
from stages.text.sources.corpus import Corpus
from stages.text.sources.documents import Document

BATCH_DOCUMENTS = 4_000
BATCH_CHARACTERS = 4_000_000
ROWS = pa.schema([DOCUMENTS.schema.field(name) for name in ("doc_id", "text", "label")])
_CODES = {None: NOT_GIVEN, **{split: code for code, split in enumerate(SPLITS)}}


def hashes(texts: list[str]) -> np.ndarray:
    """Return a hash of each text, (texts,), the same on every machine."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return pd.util.hash_array(np.array(encoded, dtype=object))


class Cleaned(NamedTuple):
    """A batch of documents after cleaning.

    Attributes:
        rows: documents that are kept, columns doc_id, text and label.
        known: size of each text (`bytes`), code of the split that the source gives (`given`), and
            hashes of `id`, `group` and `label`, a row for each document.
        sketches: sketches of the documents to find duplicates by, or None if these are kept.
        dropped: number of dropped documents by reason.
        changed: number of changed documents by kind of change.
    """

    rows: pa.Table
    known: pa.Table
    sketches: pa.Table | None
    dropped: Counter[str]
    changed: Counter[str]


def batches(documents: Iterable[Document]) -> Iterator[list[tuple]]:
    """Yield batches of documents, as columns, which are faster to send to a process than rows.

    The number of characters of a batch is bounded.
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
    """Clean a batch and drop documents that are too short or in another language."""
    rules = Rules(
        markup=corpus.markup,
        line_break=corpus.line_break,
        urls=params.urls,
        emails=params.emails,
        numbers=params.numbers,
    )
    is_in_language = _language_test(corpus.language) if params.language_filter else None
    dropped: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    kept: list[Document] = []
    for document in map(Document, *batch):
        text, changes = clean(document.text, rules)
        if not text:
            dropped["empty"] += 1
        elif len(text.split(" ", corpus.min_words - 1)) < corpus.min_words:
            dropped["too_short"] += 1
        elif is_in_language and not is_in_language(text):
            dropped["other_language"] += 1
        else:
            changed.update(changes)
            label = document.label and _name(document.label)
            kept.append(document._replace(doc_id=_name(document.doc_id), text=text, label=label))
    labels = [d.label or None for d in kept]
    rows = pa.table([[d.doc_id for d in kept], [d.text for d in kept], labels], schema=ROWS)
    known = {
        "bytes": pc.binary_length(rows["text"]),
        "given": np.array([_CODES[d.split] for d in kept], dtype=np.int8),
        "id": hashes([d.doc_id for d in kept]),
        "group": hashes([d.group for d in kept]),
        "label": hashes([label or "" for label in labels]),
    }
    sketches = None
    if kept and params.duplicates == "drop":
        texts = rows["text"].combine_chunks()
        sketches = sketch(texts, band_rows(params.near_duplicate_similarity))
    return Cleaned(rows, pa.table(known), sketches, dropped, changed)


def _name(text: str) -> str:
    """Return an id or label in NFC, as one line of printable characters."""
    text = unicodedata.normalize("NFC", text)
    if text.isprintable():
        return text
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _language_test(language: str) -> Any:
    # Imported here because it takes half a second and only the filter needs it.
    import py3langid

    code = {"english": "en", "korean": "ko"}[language]
    return lambda text: py3langid.classify(text)[0] == code
