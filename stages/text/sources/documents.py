"""Documents of a corpus, from files in packages, in `data/raw` and on the network."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, NamedTuple

from stages.core.errors import StageError
from stages.core.losses import Losses
from stages.core.members import (
    ARCHIVES,
    COMPRESSIONS,
    HIDDEN,
    OTHER_ARCHIVES,
    archive_members,
    decompressed,
    explained,
    folder_members,
    refuse_other,
)
from stages.core.raw import find, find_in_package
from stages.text.sources.corpus import Corpus, Source
from stages.text.sources.formats import READERS, Record, given_split

# The environment variable that names the folder of fetched files, instead of the user's cache.
CACHE_VARIABLE = "ETUDE_CACHE"
_FORMATS = {
    ".txt": "text", ".text": "text", ".md": "text", ".csv": "csv", ".tsv": "tsv",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".xml": "mediawiki",
}  # fmt: skip


class File(NamedTuple):
    """A file to read.

    Attributes:
        path: path for messages.
        stem: name without suffixes.
        format: format according to the suffix, or None.
        fields: `id`, `label` and `split`, as far as the path contains them.
        open: function that opens the decompressed file.
    """

    path: str
    stem: str
    format: str | None
    fields: dict[str, str]
    open: Callable[[], BinaryIO]


class Document(NamedTuple):
    """A document as it is in its source.

    Attributes:
        doc_id: id in the corpus.
        group: text that the document is part of; a split by group keeps the text together.
        split: split, or None if the source does not give one.
        label: label, or None if the source does not give one.
        text: text before cleaning.
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
        corpus: description of the corpus.
        raw: folder of the user's own corpora.
        max_characters: maximum length of a document; longer ones are cut into pieces.
        losses: counts of skipped and changed content, updated while reading.

    Raises:
        StageError: a file does not exist, is damaged or lacks a column.
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
    is_whole = kind == "text" and source.unit == "file"
    is_grouped = kind in ("text", "mediawiki") and not (kind == "text" and source.unit == "line")
    count, group = 0, None
    for record in records:
        if record.group != group:
            count, group = 0, record.group
        count += 1
        prefix = record.group or name
        doc_id = record.doc_id or (prefix if is_whole and count == 1 else f"{prefix}#{count}")
        yield Document(
            doc_id,
            prefix if is_grouped else doc_id,
            record.split or split,
            record.label or label,
            record.text,
        )


def _files(source: Source, raw: Path, losses: Losses) -> Iterator[File]:
    root = locate(source, raw)
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
                message = "hidden, or created by an editor or the system"
                losses.add("hidden_file", f"{where}/{name}", message)
            continue
        if match is None if pattern else kind is None:
            if not pattern and (ARCHIVES.search(name) or OTHER_ARCHIVES.search(name)):
                message = "an archive inside the source: unpack it, or add it as another source"
                losses.add("inner_archive", f"{where}/{name}", message)
            elif not pattern:
                losses.add("other_ending", f"{where}/{name}", "its ending is not known")
            continue
        found = True
        # Without a pattern, the file name is the label of its documents.
        fields = {k: v for k, v in match.groupdict().items() if v} if match else {"label": stem}
        yield File(
            f"{where}/{name}", stem, kind, fields,
            lambda opened=opened, name=name: decompressed(opened(), name),
        )  # fmt: skip
    if not found:
        readable = f"whose path matches {source.files}" if pattern else f"({', '.join(_FORMATS)})"
        others = "; ".join(losses.examples[before:])
        raise StageError(
            f"{where} contains no file {readable}{others and f' (left out: {others})'}"
        )


def locate(source: Source, raw: Path) -> Path:
    """Return the path of a source, which is fetched if it has a URL.

    Raises:
        StageError: the file does not exist or cannot be fetched.
    """
    if source.url:
        return fetch(source.url, source.sha256)
    if not source.package:
        return find(raw, source.path)
    return find_in_package(source.package, source.path)


def fetch(url: str, sha256: str) -> Path:
    """Return the local path of the file at `url`, which is fetched if it is not in the cache.

    The download is written to a temporary file, which is renamed only if its hash is right.

    Raises:
        StageError: the file cannot be fetched, or its hash is not `sha256`.
    """
    # Imported here because only a corpus from the network needs them.
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
            f"{url} has changed (its SHA-256 is not {sha256}) and was not kept: see whether the "
            "homepage of the corpus announces a new version, and correct sha256"
        ) from None


def _stem_and_format(name: str) -> tuple[str, str | None]:
    path = Path(name)
    if not path.name:  # a member of an archive that is called `.`
        return "", None
    if path.suffix.lower() in COMPRESSIONS:
        path = path.with_suffix("")
    return path.with_suffix("").as_posix(), _FORMATS.get(path.suffix.lower())
