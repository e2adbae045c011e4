"""Where documents come from: files of packages, of `data/raw` and of the network, in any format."""

import importlib.util
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, NamedTuple

from stages.core.errors import StageError
from stages.core.raw import find
from stages.text.sources.corpus import Corpus, Source
from stages.text.sources.decode import COMPRESSIONS, decompressed
from stages.text.sources.formats import READERS, Losses, Record, given_split
from stages.text.sources.members import (
    ARCHIVES,
    HIDDEN,
    OTHER_ARCHIVES,
    archive_members,
    explained,
    folder_members,
    refuse_other,
)

# The environment variable that says where fetched files are kept, instead of the user's cache.
CACHE_VARIABLE = "ETUDE_CACHE"
_FORMATS = {
    ".txt": "text", ".text": "text", ".md": "text", ".csv": "csv", ".tsv": "tsv",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".xml": "mediawiki",
}  # fmt: skip


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
        for file in _files(source, raw, losses):
            kind = source.format or file.format
            with explained(file.path), closing(file.open()) as stream:
                refuse_other(stream.peek(16), file.path)
                if kind is None:
                    raise StageError(
                        f"{file.path} has no known ending ({', '.join(_FORMATS)}): name the format "
                        "of the source"
                    )
                records = READERS[kind](stream, file.path, source, max_characters, losses)
                yield from _documents(records, file, source, kind)


def _documents(
    records: Iterator[Record], file: File, source: Source, kind: str
) -> Iterator[Document]:
    label, split = file.fields.get("label"), source.split
    if split is None and "split" in file.fields:
        split = given_split(file.fields["split"], file.path)
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


def _files(source: Source, raw: Path, losses: Losses) -> Iterator[File]:
    root = _root(source, raw)
    where = unicodedata.normalize("NFC", str(root))
    pattern = re.compile(unicodedata.normalize("NFC", source.files)) if source.files else None
    if root.is_dir():
        members = folder_members(root)
    elif ARCHIVES.search(root.name):
        members = archive_members(root, losses)
    else:
        stem, kind = _stem_and_format(unicodedata.normalize("NFC", root.name))
        yield File(where, stem, kind, {}, lambda: decompressed(root.open("rb"), root.name))
        return
    found, before = False, len(losses.examples)
    for name, opened in members:
        match = pattern.fullmatch(name) if pattern else None
        stem, kind = _stem_and_format(name)
        if HIDDEN.fullmatch(name):
            if match if pattern else kind:
                losses.add("hidden_file", f"{where}/{name}", "hidden, or of an editor or a system")
            continue
        if match is None if pattern else kind is None:
            if not pattern and (ARCHIVES.search(name) or OTHER_ARCHIVES.search(name)):
                what = "an archive inside: unpack it, or make it a source of its own"
                losses.add("inner_archive", f"{where}/{name}", what)
            elif not pattern:
                losses.add("other_ending", f"{where}/{name}", "its ending is not known")
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
        others = "; ".join(losses.examples[before:])
        raise StageError(f"{where} holds no file {wanted}{others and f' (left out: {others})'}")


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


def _stem_and_format(name: str) -> tuple[str, str | None]:
    path = Path(name)
    if not path.name:  # a member of an archive that is called `.`
        return "", None
    if path.suffix.lower() in COMPRESSIONS:
        path = path.with_suffix("")
    return path.with_suffix("").as_posix(), _FORMATS.get(path.suffix.lower())
