"""Readers of the file formats, which yield the records of a file."""

import io
import json
import re
import tempfile
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, BinaryIO, NamedTuple
from xml.etree.ElementTree import Element, iterparse

import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.errors import StageError
from stages.core.losses import Losses
from stages.text.sources.corpus import Source, split_named
from stages.text.sources.decode import decoded
from stages.text.sources.rows import LONGEST_FIELD, read_rows
from stages.text.sources.wiki import WikiNames, is_redirect, wiki_lines

_WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")
# What programs write for a missing value: Python's NaN, None and NaT, and pandas' NA.
_NO_VALUE = frozenset({"nan", "NaN", "None", "NaT", "<NA>"})


class Record(NamedTuple):
    """A text, and its id, group, split and label if the file gives them."""

    text: str
    doc_id: str | None = None
    group: str | None = None
    split: str | None = None
    label: str | None = None


def pieces(text: str, limit: int) -> Iterator[str]:
    """Yield `text` in pieces of at most `limit` characters, cut at spaces if possible."""
    while len(text) > limit:
        space = text.rfind(" ", limit // 2, limit)
        end = space if space > 0 else limit
        yield text[:end]
        text = text[end:]
    yield text


def read_text(
    stream: BinaryIO, path: str, source: Source, limit: int, losses: Losses
) -> Iterator[Record]:
    """Yield the lines, the paragraphs or the whole of a text.

    What is longer than `limit` characters is cut into pieces, so that memory does not grow with
    the length of a line.
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
    wanted = _wanted_columns(source)
    _check_columns(wanted.names, columns, path)
    for line, row in rows:
        if len(row) == len(columns):
            values = dict(zip(columns, row, strict=True))
            yield from _from_row(values, wanted, f"{path} line {line}", limit, losses)
        elif row:
            losses.add(
                "malformed", f"{path} line {line}", f"{len(row)} columns instead of {len(columns)}"
            )


def read_jsonl(
    stream: BinaryIO, path: str, source: Source, limit: int, losses: Losses
) -> Iterator[Record]:
    """Yield the objects of a file with one JSON object per line; each may lack some keys."""
    text = decoded(stream, source.encoding, "\n", losses.of_lines(path))
    wanted = _wanted_columns(source)
    keys: dict[str, None] = {}
    missing = set(wanted.names)
    for number, line in enumerate(iter(partial(text.readline, LONGEST_FIELD), ""), start=1):
        if not line.strip():
            continue
        location = f"{path} line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            losses.add("malformed", location, f"not JSON ({error})")
            continue
        if not isinstance(row, dict):
            losses.add("malformed", location, "not a JSON object")
            continue
        if missing:
            missing -= row.keys()
            keys.update(dict.fromkeys(row))
        yield from _from_row(row, wanted, location, limit, losses)
    if keys:
        _check_columns(wanted.names, keys, path)


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
        wanted, schema = _wanted_columns(source), file.schema_arrow
        _check_columns(wanted.names, schema.names, path)
        for name in wanted.texts:
            if not _may_be_text(schema.field(name).type):
                raise StageError(
                    f"column '{name}' of {path} has the type {schema.field(name).type}, not text: "
                    "name another text_column"
                )
        number = 0
        columns = list(dict.fromkeys(wanted.names))
        for batch in file.iter_batches(batch_size=1_000, columns=columns):
            for row in batch.to_pylist():
                number += 1
                location = f"{path} row {number}"
                for name in wanted.texts:
                    if isinstance(row[name], bytes):
                        cell = f"{location}: column '{name}'"
                        row[name] = _decoded_cell(row[name], source, cell)
                yield from _from_row(row, wanted, location, limit, losses)


def _may_be_text(kind: pa.DataType) -> bool:
    """Return whether a Parquet column contains strings, or bytes that may be text."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
             pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view,
             pa.types.is_fixed_size_binary)  # fmt: skip
    return any(test(kind) for test in tests)


def _decoded_cell(cell: bytes, source: Source, location: str) -> str:
    """Decode bytes from the encoding of the source, or else from valid UTF-8."""
    if source.encoding:
        return cell.decode(source.encoding, "replace")
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        raise StageError(
            f"{location} contains bytes that are not UTF-8: name their encoding in the source "
            "(encoding: utf-8 leaves out invalid bytes)"
        ) from None


def read_mediawiki(
    stream: BinaryIO, path: str, source: Source, limit: int, losses: Losses
) -> Iterator[Record]:
    """Yield the paragraphs and list items of a MediaWiki dump, labelled by their article.

    Headings and table cells are left out, because they are not sentences. So are redirects, and
    pages outside the namespace of articles.
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
    """Yield the namespaces and pages of a dump, their tags without the XML namespace."""
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
        raise StageError(f"{path} is not a MediaWiki dump: name another format") from None


class _Columns(NamedTuple):
    """The columns to read, by their role."""

    texts: list[str]
    doc_id: str | None
    split: str | None
    label: str | None

    @property
    def names(self) -> list[str]:
        """The names of all columns to read."""
        return [*self.texts, *(c for c in (self.doc_id, self.split, self.label) if c)]


def _wanted_columns(source: Source) -> _Columns:
    texts = [source.text_column] if isinstance(source.text_column, str) else source.text_column
    return _Columns(texts, source.id_column, source.split_column, source.label_column)


def _check_columns(wanted: list[str], columns: Collection[str], path: str) -> None:
    """Raise StageError unless each wanted column occurs once."""
    columns = list(columns)
    for name in wanted:
        if columns.count(name) != 1:
            found = f"{columns.count(name)} columns" if name in columns else "no column"
            raise StageError(
                f"{path} has {found} '{name}' (it has: {', '.join(map(str, columns[:20]))}): "
                "name its columns in the corpus file"
            )


def given_split(name: str, place: str) -> str:
    """Return the split that a source calls `name`.

    Raises:
        StageError: no split has that name; the message begins with `place`.
    """
    try:
        return split_named(name)
    except ValueError as error:
        raise StageError(f"{place}: {error}") from None


def _from_row(
    row: dict[str, Any], wanted: _Columns, location: str, limit: int, losses: Losses
) -> Iterator[Record]:
    # Some of several text columns may be empty, such as the title of an article.
    texts = [row[name] for name in wanted.texts if row.get(name) is not None]
    if not texts or not all(isinstance(text, str) for text in texts):
        losses.add("malformed", location, f"no text in {' or '.join(wanted.texts)}")
        return
    doc_id, split, label = (
        _value(row.get(name)) if name else None
        for name in (wanted.doc_id, wanted.split, wanted.label)
    )
    if split is not None:
        split = None if split in _NO_VALUE else given_split(split, location)
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
    """Return a label, id or split as text, `1.0` as `1`; None if the cell is empty or NaN."""
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
