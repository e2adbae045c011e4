"""Records of a file in each format."""

import csv
import io
import json
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, NamedTuple

import pyarrow.parquet as pq

from stages.core.errors import StageError
from stages.text.cleaning.clean import wiki_lines
from stages.text.contracts import SPLITS
from stages.text.sources.corpus import Source
from stages.text.sources.decode import decoded

EXAMPLES = 5
# A field of a table may be longer than any document; without a bound one quotation mark that is
# never closed would take in all the rest of a large file.
LONGEST_FIELD = 1 << 27
_SPLIT_NAMES = {**{name: name for name in SPLITS}, "valid": "validation", "dev": "validation",
                "val": "validation", "training": "train", "testing": "test"}  # fmt: skip


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

    def add(self, reason: str, place: str, what: str) -> None:
        """Count one; `place` is its file and line."""
        self.counts[reason] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{place}: {what}")


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
    lines = iter(partial(decoded(stream, source.encoding, None).readline, limit), "")
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
    """Yield the rows of a CSV file, or of a TSV file, where quotation marks mean nothing."""
    text = decoded(stream, source.encoding, "")
    rows = _rows(text, path, delimiter, losses)
    columns = source.columns
    if columns is None:
        first = next(rows, None)
        if first is None:
            return
        columns = first[1]
    take = _taker(source, columns, path)
    for line, row in rows:
        if len(row) == len(columns):
            yield from _from_row(dict(zip(columns, row, strict=True)), take, f"{path} line {line}",
                                 limit, losses)  # fmt: skip
        elif row:
            losses.add(
                "malformed", f"{path} line {line}", f"{len(row)} columns instead of {len(columns)}"
            )


def _rows(
    text: io.TextIOBase, path: str, delimiter: str, losses: Losses
) -> Iterator[tuple[int, list[str]]]:
    """Yield rows with their line numbers.

    Where the quotation marks of a row make no sense, its first line is read by itself, and reading
    goes on with the next: one mark left open does not swallow the rows after it.
    """
    csv.field_size_limit(LONGEST_FIELD)
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    again: deque[str] = deque()
    taken: list[str] = []

    def lines() -> Iterator[str]:
        while line := again.popleft() if again else text.readline(LONGEST_FIELD):
            taken.append(line)
            yield line

    def reader() -> Any:
        return csv.reader(lines(), delimiter=delimiter, quoting=quoting, strict=True)

    number, width, rows = 1, None, reader()
    while True:
        taken.clear()
        try:
            row = next(rows)
            width = width or len(row)
            wrong = ""
            if len(taken) > 1 and len(row) != width:
                wrong = f"{len(row)} columns instead of {width} in {len(taken)} lines"
        except StopIteration:
            return
        except csv.Error as error:
            wrong = str(error)
        if wrong:
            first = taken[0]
            again.extendleft(reversed(taken[1:]))
            del taken[1:]
            rows = reader()
            row = _bare_row(first, delimiter)
            kind = "repaired_row" if len(row) == width else "malformed"
            losses.add(kind, f"{path} line {number}", f"quotation marks do not match ({wrong})")
        if not wrong or len(row) == width:
            yield number, row
        number += len(taken)


def _bare_row(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line by itself, whatever its quotation marks."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def read_jsonl(
    stream: BinaryIO, path: str, source: Source, limit: int, losses: Losses
) -> Iterator[Record]:
    """Yield the objects of a file with one JSON object a line."""
    text = decoded(stream, source.encoding, "\n")
    take = None
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
        if take is None:
            take = _taker(source, list(row), path)
        yield from _from_row(row, take, place, limit, losses)


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
        take = _taker(source, file.schema_arrow.names, path)
        number = 0
        for batch in file.iter_batches(batch_size=1_000, columns=list(dict.fromkeys(take.columns))):
            for row in batch.to_pylist():
                number += 1
                yield from _from_row(row, take, f"{path} row {number}", limit, losses)


def read_mediawiki(
    stream: BinaryIO, path: str, source: Source, limit: int, losses: Losses
) -> Iterator[Record]:
    """Yield the paragraphs and list entries of a dump of MediaWiki, labelled by their article.

    Headings and table cells are left out: they are no sentences.
    """
    # Imported here: it costs a second, and only a dump needs it.
    from gensim.corpora.wikicorpus import extract_pages

    pages = extract_pages(stream, filter_namespaces=("0",))
    while True:
        try:
            title, markup, _ = next(pages)
        except StopIteration:
            return
        except (AttributeError, ValueError):
            raise StageError(f"{path} is no dump of MediaWiki: name another format") from None
        if markup and title and not markup.lower().startswith("#redirect"):
            for line in wiki_lines(markup):
                for piece in pieces(line, limit):
                    yield Record(piece, group=title, label=title)


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


def _taker(source: Source, columns: list[str], path: str) -> _Taker:
    texts = [source.text_column] if isinstance(source.text_column, str) else source.text_column
    take = _Taker(texts, source.id_column, source.split_column, source.label_column)
    for name in take.columns:
        if name not in columns:
            raise StageError(
                f"{path} has no column '{name}' (it has: {', '.join(map(str, columns[:20]))}): "
                "name its columns in the file of the corpus"
            )
    return take


def _from_row(
    row: dict[str, Any], take: _Taker, place: str, limit: int, losses: Losses
) -> Iterator[Record]:
    texts = [row.get(name) for name in take.texts]
    if not all(isinstance(text, str) for text in texts):
        losses.add("malformed", place, f"no text in {' or '.join(take.texts)}")
        return
    split = row.get(take.split) if take.split else None
    if split is not None:
        split = _SPLIT_NAMES.get(str(split).strip().lower())
        if split is None:
            raise StageError(
                f"{place}: the split is '{row[take.split]}'; there are: {', '.join(SPLITS)}"
            )
    doc_id, label = (
        None if name is None or row.get(name) in (None, "") else str(row[name])
        for name in (take.doc_id, take.label)
    )
    for number, piece in enumerate(pieces("\n".join(texts), limit), start=1):
        if number > 1:
            losses.counts["cut"] += 1
        yield Record(piece, f"{doc_id}.{number}" if doc_id and number > 1 else doc_id, None,
                     split, label)  # fmt: skip


READERS: dict[str, Callable[..., Iterator[Record]]] = {
    "text": read_text,
    "csv": partial(read_table, delimiter=","),
    "tsv": partial(read_table, delimiter="\t"),
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "mediawiki": read_mediawiki,
}
