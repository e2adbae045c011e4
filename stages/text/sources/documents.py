"""Where documents come from: files of packages, of `data/raw` and of the network, in any format."""

import gzip
import importlib.util
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple
from xml.etree.ElementTree import ParseError

import pyarrow as pa

from stages.core.errors import StageError
from stages.core.raw import find
from stages.text.sources.corpus import Corpus, Source
from stages.text.sources.decode import COMPRESSIONS, decompressed
from stages.text.sources.formats import READERS, Losses, Record

# The environment variable that says where fetched files are kept, instead of the user's cache.
CACHE_VARIABLE = "ETUDE_CACHE"
_ARCHIVES = re.compile(r"\.(zip|tar|tgz|tar\.(gz|bz2|xz))$")
_FORMATS = {
    ".txt": "text", ".text": "text", ".md": "text", ".csv": "csv", ".tsv": "tsv",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".xml": "mediawiki",
}  # fmt: skip
_DAMAGES = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, tarfile.TarError,
            zipfile.BadZipFile, pa.ArrowInvalid, ParseError, UnicodeError)  # fmt: skip


class File(NamedTuple):
    """A file to read: its path, its name without suffixes, and what its path says of it."""

    path: str
    stem: str
    format: str | None
    fields: dict[str, str]
    open: Callable[[], BinaryIO]


class Document(NamedTuple):
    """A document as its source has it.

    Attributes:
        doc_id: names it in the corpus.
        group: the text that it is part of; a split by group keeps it together.
        split: where the source says one.
        label: what it is about, or None where the source does not say.
        text: not yet cleaned.
    """

    doc_id: str
    group: str
    split: str | None
    label: str | None
    text: str


def read_documents(
    corpus: Corpus, raw: Path, max_characters: int, losses: Losses
) -> Iterator[Document]:
    """Yield the documents of `corpus` in the order of its sources.

    Args:
        corpus: says what to read.
        raw: the folder people put their corpora into.
        max_characters: longer documents come in several pieces.
        losses: counts what is no document, as it is met.

    Raises:
        StageError: a file is not there, damaged, or has not got the columns it should.
    """
    for source in corpus.sources:
        for file in _files(source, raw):
            kind = source.format or file.format
            if kind is None:
                raise StageError(
                    f"{file.path} has no known ending ({', '.join(_FORMATS)}): name the format of "
                    "the source"
                )
            with _explained(file.path), closing(file.open()) as stream:
                records = READERS[kind](stream, file.path, source, max_characters, losses)
                yield from _documents(records, file, source, kind)


def _documents(
    records: Iterator[Record], file: File, source: Source, kind: str
) -> Iterator[Document]:
    label, split = file.fields.get("label"), source.split or file.fields.get("split")
    name = file.fields.get("id", file.stem)
    whole = kind == "text" and source.unit == "file"
    grouped = kind in ("text", "mediawiki") and not (kind == "text" and source.unit == "line")
    number, group = 0, None
    for record in records:
        if record.group != group:
            number, group = 0, record.group
        number += 1
        place = record.group or name
        doc_id = record.doc_id or (place if whole and number == 1 else f"{place}#{number}")
        yield Document(
            doc_id,
            place if grouped else doc_id,
            record.split or split,
            record.label or label,
            record.text,
        )


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn what a damaged file raises into a sentence."""
    try:
        yield
    except _DAMAGES as error:
        raise StageError(
            f"{path} is damaged or cut short ({error}): fetch or pack it again"
        ) from None
    except OSError as error:
        if error.errno is not None:  # a full disk, say, and no matter of what the file holds
            raise
        raise StageError(f"{path} is damaged ({error}): fetch or pack it again") from None


def _files(source: Source, raw: Path) -> Iterator[File]:
    root = _root(source, raw)
    pattern = re.compile(source.files) if source.files else None
    if root.is_dir():
        names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
        members = ((name, lambda name=name: (root / name).open("rb")) for name in names)
        where = root
    elif _ARCHIVES.search(root.name):
        members = _members(root)
        where = root
    else:
        stem, kind = _stem_and_format(root.name)
        yield File(str(root), stem, kind, {}, lambda: decompressed(root.open("rb"), root.name))
        return
    found = False
    for name, opened in members:
        match = pattern.fullmatch(name) if pattern else None
        stem, kind = _stem_and_format(name)
        if match is None if pattern else kind is None:
            continue
        found = True
        # In a folder without a pattern, a file is what its documents are about.
        fields = {k: v for k, v in match.groupdict().items() if v} if match else {"label": stem}
        yield File(
            f"{where}/{name}", stem, kind, fields,
            lambda opened=opened, name=name: decompressed(opened(), name),
        )  # fmt: skip
    if not found:
        wanted = f"whose path matches {source.files}" if pattern else f"({', '.join(_FORMATS)})"
        raise StageError(f"{where} holds no file {wanted}")


def _root(source: Source, raw: Path) -> Path:
    if source.url:
        return fetch(source.url, source.sha256)
    if not source.package:
        return find(raw, source.path)
    spec = importlib.util.find_spec(source.package)
    if spec is None or spec.origin is None:
        raise StageError(f"the package '{source.package}' is not installed: make run")
    path = Path(spec.origin).parent / source.path
    if not path.exists():
        raise StageError(f"there is no {path}: the package '{source.package}' does not contain it")
    return path


def fetch(url: str, sha256: str) -> Path:
    """Return where the file at `url` is kept, having fetched it unless it is there already.

    What arrives is written aside and takes its place only when it is whole and the right one.

    Raises:
        StageError: it cannot be fetched, or is another file than `sha256` says.
    """
    # Imported here: only a corpus of the network needs it.
    import logging
    import os

    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    cache = Path(os.environ.get(CACHE_VARIABLE) or pooch.os_cache("etude"))
    name = f"{sha256[:12]}-{url.rsplit('/', 1)[-1]}"
    try:
        return Path(
            pooch.retrieve(
                url, f"sha256:{sha256}", fname=name, path=cache,
                downloader=pooch.HTTPDownloader(timeout=60),
            )
        )  # fmt: skip
    except requests.RequestException as error:
        raise StageError(
            f"could not fetch {url} ({error}): try again, or put the file at {cache / name}"
        ) from None
    except ValueError:
        raise StageError(
            f"{url} is not the file it was (its SHA-256 is not {sha256}): nothing of it was kept; "
            "see whether its homepage tells of a new version, and mend sha256"
        ) from None


def _members(archive: Path) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
    with _explained(str(archive)):
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as opened:
                for info in opened.infolist():
                    if not info.is_dir():
                        yield info.filename, lambda info=info: opened.open(info)
            return
        with tarfile.open(archive) as opened:
            for member in opened:
                if member.isfile():
                    yield member.name, lambda member=member: opened.extractfile(member)


def _stem_and_format(name: str) -> tuple[str, str | None]:
    path = Path(name)
    if path.suffix in COMPRESSIONS:
        path = path.with_suffix("")
    return path.with_suffix("").as_posix(), _FORMATS.get(path.suffix.lower())
