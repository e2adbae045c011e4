"""Records of a file in each format."""

import io
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, BinaryIO, NamedTuple
from xml.etree.ElementTree import Element, iterparse

import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.errors import StageError
from stages.text.sources.corpus import Source, split_named
from stages.text.sources.decode import Note, decoded
from stages.text.sources.rows import LONGEST_FIELD, read_rows
from stages.text.sources.wiki import WikiNames, is_redirect, wiki_lines

EXAMPLES = 10  # of each reason
_WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")
# What programs write where there is no value: Python's NaN, None and NaT, and pandas' NA.
_NO_VALUE = frozenset({"nan", "NaN", "None", "NaT", "<NA>"})


class Record(NamedTuple):
    """What a reader finds: a text and what its file says of it."""

    text: str
    doc_id: str | None = None
    group: str | None = None
    split: str | None = None
    label: str | None = None


class Losses:
    """What a source holds that is no document, counted by reason, with the first places."""

    def __init__(self) -> None:
        """Start with none."""
        self.counts: Counter[str] = Counter({"malformed": 0, "repaired_row": 0, "cut": 0})
        self.examples: list[str] = []
        self._named: Counter[str] = Counter()

    def add(self, reason: str, place: str, what: str, number: int = 1) -> None:
        """Count `number`; `place` is its file and line."""
        self.counts[reason] += number
        self._named[reason] += 1
        if self._named[reason] <= EXAMPLES:
            self.examples.append(f"{place}: {what}")

    def of_lines(self, path: str) -> Note:
        """Return what counts lines of the file at `path` as it is decoded."""

        def note(reason: str, first: int, number: int, what: str) -> None:
            lines = f"line {first}" if number == 1 else f"lines {first}-{first + number - 1}"
            self.add(reason, f"{path} {lines}", what, number)

        return note


def pieces(text: str, limit: int) -> Iterator[str]:
    """Yield `text` cut at white space, where there is any, into pieces of at most `limit`."""
    while len(text) > limit:
        space = text.rfind(" ", limit // 2, limit)
        end = space if space > 0 else limit
        yield text[:end]
        text = text[end:]
    yield text


def read_text(
    stream: BinaryIO, path: str, source: Source, limit: int, losses: Losses
) -> Iterator[Record]:
    """Yield lines, paragraphs or the whole of a text, never more than `limit` characters at once.

    A line that is longer comes in pieces, so that memory does not grow with it.
    """
    text = decoded(stream, source.encoding, None, losses.of_lines(path))
    lines = iter(partial(text.readline, limit), "")
    kept: list[str] = []
    size = 0
    for line in lines:
        if source.unit != "file" and not line.strip():
            if kept:
                yield Record("".join(kept))
            kept, size = [], 0
            continue
        kept.append(line)
        size += len(line)
        if size > limit:
            *whole, rest = pieces("".join(kept), limit)
            for piece in whole:
                losses.counts["cut"] += 1
                yield Record(piece)
            kept, size = [rest], len(rest)
        if source.unit == "line" and kept[-1].endswith("\n"):
            yield Record("".join(kept))
            kept, size = [], 0
    if kept:
        yield Record("".join(kept))


def read_table(
    stream: BinaryIO, path: str, source: Source, limit: int, losses: Losses, delimiter: str
) -> Iterator[Record]:
    """Yield the rows of a CSV or TSV file."""
    note = losses.of_lines(path)
    rows = read_rows(decoded(stream, source.encoding, "", note), delimiter, note)
    columns = source.columns
    if columns is None:
        first = next(rows, None)
        if first is None:
            return
        columns = first[1]
    take = _taker(source)
    _check_columns(take.columns, columns, path)
    for line, row in rows:
        if len(row) == len(columns):
            yield from _from_row(dict(zip(columns, row, strict=True)), take, f"{path} line {line}",
                                 limit, losses)  # fmt: skip
        elif row:
            losses.add(
                "malformed", f"{path} line {line}", f"{len(row)} columns instead of {len(columns)}"
            )


def read_jsonl(
    stream: BinaryIO, path: str, source: Source, limit: int, losses: Losses
) -> Iterator[Record]:
    """Yield the objects of a file with one JSON object a line; any of them may lack a key."""
    text = decoded(stream, source.encoding, "\n", losses.of_lines(path))
    take = _taker(source)
    keys: dict[str, None] = {}
    missing = set(take.columns)
    for number, line in enumerate(iter(partial(text.readline, LONGEST_FIELD), ""), start=1):
        if not line.strip():
            continue
        place = f"{path} line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            losses.add("malformed", place, f"no JSON ({error})")
            continue
        if not isinstance(row, dict):
            losses.add("malformed", place, "no JSON object")
            continue
        if missing:
            missing -= row.keys()
            keys.update(dict.fromkeys(row))
        yield from _from_row(row, take, place, limit, losses)
    if keys:
        _check_columns(take.columns, keys, path)


def read_parquet(
    stream: BinaryIO, path: str, source: Source, limit: int, losses: Losses
) -> Iterator[Record]:
    """Yield the rows of a Parquet file, row group by row group."""
    with tempfile.TemporaryFile() as unpacked:
        if not stream.seekable() or not isinstance(stream, io.BufferedReader):
            while block := stream.read(1 << 20):
                unpacked.write(block)
            stream = unpacked
        file = pq.ParquetFile(stream)
        take, schema = _taker(source), file.schema_arrow
        _check_columns(take.columns, schema.names, path)
        for name in take.texts:
            if not _holds_text(schema.field(name).type):
                raise StageError(
                    f"column '{name}' of {path} is of the type {schema.field(name).type}, not "
                    "text: name another text_column"
                )
        number = 0
        for batch in file.iter_batches(batch_size=1_000, columns=list(dict.fromkeys(take.columns))):
            for row in batch.to_pylist():
                number += 1
                place = f"{path} row {number}"
                for name in take.texts:
                    if isinstance(row[name], bytes):
                        row[name] = _decoded_cell(row[name], source, f"{place}: column '{name}'")
                yield from _from_row(row, take, place, limit, losses)


def _holds_text(kind: pa.DataType) -> bool:
    """Return whether a column of Parquet holds strings, or bytes that may be some."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
             pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view,
             pa.types.is_fixed_size_binary)  # fmt: skip
    return any(test(kind) for test in tests)


def _decoded_cell(cell: bytes, source: Source, place: str) -> str:
    """Return bytes as text: in UTF-8 without a fault, or in the encoding that the source names."""
    if source.encoding:
        return cell.decode(source.encoding, "replace")
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        raise StageError(
            f"{place} holds bytes that are not UTF-8: name their encoding in the source (with "
            "encoding: utf-8, what is broken is left out)"
        ) from None


def read_mediawiki(
    stream: BinaryIO, path: str, source: Source, limit: int, losses: Losses
) -> Iterator[Record]:
    """Yield the paragraphs and list entries of a dump of MediaWiki, labelled by their article.

    Headings and table cells are left out: they are no sentences. So are pages that only redirect,
    and pages outside the namespace of articles.
    """
    names = WikiNames()
    for element in _elements(stream, path):
        if element.tag == "namespace":
            names = names.with_namespace(element.get("key"), element.text)
            continue
        title, markup = element.findtext("title"), element.findtext("revision/text")
        is_article = element.findtext("ns") == "0" and element.find("redirect") is None
        if is_article and title and markup and not is_redirect(markup):
            for line in wiki_lines(markup, names):
                for piece in pieces(line, limit):
                    yield Record(piece, group=title, label=title)


def _elements(stream: BinaryIO, path: str) -> Iterator[Element]:
    """Yield the namespaces and pages of a dump, without the prefix of its version of the format."""
    try:
        events = iterparse(stream, events=("start", "end"))
        _, root = next(events)
        if not root.tag.endswith("mediawiki"):
            raise ValueError("another root")
        prefix = root.tag.removesuffix("mediawiki")
        for event, element in events:
            if event == "end":
                element.tag = element.tag.removeprefix(prefix)
                if element.tag in ("namespace", "page"):
                    yield element
                if element.tag == "page":
                    root.clear()
    except (ValueError, LookupError):
        raise StageError(f"{path} is not a dump of MediaWiki: name another format") from None


class _Taker(NamedTuple):
    """Which columns hold what."""

    texts: list[str]
    doc_id: str | None
    split: str | None
    label: str | None

    @property
    def columns(self) -> list[str]:
        """Every column that is read."""
        return [*self.texts, *(c for c in (self.doc_id, self.split, self.label) if c)]


def _taker(source: Source) -> _Taker:
    texts = [source.text_column] if isinstance(source.text_column, str) else source.text_column
    return _Taker(texts, source.id_column, source.split_column, source.label_column)


def _check_columns(wanted: list[str], columns: Collection[str], path: str) -> None:
    """Raise StageError unless each column that is wanted is there once."""
    columns = list(columns)
    for name in wanted:
        if columns.count(name) != 1:
            what = f"{columns.count(name)} columns" if name in columns else "no column"
            raise StageError(
                f"{path} has {what} '{name}' (it has: {', '.join(map(str, columns[:20]))}): "
                "name its columns in the file of the corpus"
            )


def given_split(name: str, place: str) -> str:
    """Return the split that a source calls `name`; StageError where there is none."""
    try:
        return split_named(name)
    except ValueError as error:
        raise StageError(f"{place}: {error}") from None


def _from_row(
    row: dict[str, Any], take: _Taker, place: str, limit: int, losses: Losses
) -> Iterator[Record]:
    # Of several columns, some may be empty, such as the title of an article.
    texts = [row[name] for name in take.texts if row.get(name) is not None]
    if not texts or not all(isinstance(text, str) for text in texts):
        losses.add("malformed", place, f"no text in {' or '.join(take.texts)}")
        return
    doc_id, split, label = (
        _value(row.get(name)) if name else None for name in (take.doc_id, take.split, take.label)
    )
    if split is not None:
        split = None if split in _NO_VALUE else given_split(split, place)
    if label in _NO_VALUE:
        losses.counts["no_label"] += 1
        label = None
    if doc_id in _NO_VALUE:
        doc_id = None
    for number, piece in enumerate(pieces("\n".join(texts), limit), start=1):
        if number > 1:
            losses.counts["cut"] += 1
        yield Record(piece, f"{doc_id}.{number}" if doc_id and number > 1 else doc_id, None,
                     split, label)  # fmt: skip


def _value(cell: Any) -> str | None:
    """Return a label, id or split as text, `1.0` as `1`; None where the cell is empty or NaN."""
    if cell is None or cell != cell:
        return None
    text = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
    text = text.strip()
    number = _WHOLE_NUMBER.fullmatch(text) if ".0" in text else None
    return number[1] if number else text or None


READERS: dict[str, Callable[..., Iterator[Record]]] = {
    "text": read_text,
    "csv": partial(read_table, delimiter=","),
    "tsv": partial(read_table, delimiter="\t"),
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "mediawiki": read_mediawiki,
}
