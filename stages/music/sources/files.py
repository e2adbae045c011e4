"""Files of a collection, in packages and in `data/raw`, and the pieces in them."""

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
)
from stages.core.raw import find, find_in_package
from stages.music.sources.abc import read_abc
from stages.music.sources.collection import Source
from stages.music.sources.kern import read_kern
from stages.music.sources.midi import read_midi
from stages.music.sources.musicxml import read_musicxml
from stages.music.sources.piece import Piece, UnreadableError

READERS: dict[str, Callable[[bytes], list[Piece]]] = {
    **dict.fromkeys((".mid", ".midi", ".kar", ".rmi", ".smf"), read_midi),
    **dict.fromkeys((".musicxml", ".mxl", ".xml"), read_musicxml),
    ".abc": read_abc,
    ".krn": read_kern,
}
# Larger files, with a million notes, are not music that people play, and would fill the memory.
MAX_BYTES = 32 << 20


class File(NamedTuple):
    """A file that may contain music.

    Attributes:
        name: package and path in it, or path in `data/raw`.
        stem: path in the source without suffixes.
        suffix: suffix before that of the compression, in lower case.
        open: function that opens the decompressed file.
    """

    name: str
    stem: str
    suffix: str
    open: Callable[[], BinaryIO]


def locate(source: Source, raw: Path) -> Path:
    """Return the path of a source.

    Raises:
        StageError: the file does not exist.
    """
    if source.package:
        return find_in_package(source.package, source.path)
    return find(raw, source.path)


def find_files(source: Source, raw: Path, left_out: Losses) -> Iterator[File]:
    """Yield the files of a source in order of their names, or as an archive contains them.

    Hidden files and those that `files` does not match are skipped.

    Args:
        source: source of a collection
        raw: folder of the user's own music
        left_out: counts of links in archives, updated while reading

    Raises:
        StageError: the source does not exist, or is a damaged archive.
    """
    root = locate(source, raw)
    where = unicodedata.normalize("NFC", source.path)
    if source.package:
        where = f"{source.package}: {where}"
    if root.is_dir():
        members = folder_members(root)
    elif ARCHIVES.search(root.name):
        members = archive_members(root, left_out)
    else:
        yield _file(where, Path(where).name, lambda: root.open("rb"))
        return
    pattern = source.files and re.compile(unicodedata.normalize("NFC", source.files.pattern))
    for name, opened in members:
        if not HIDDEN.fullmatch(name) and (pattern is None or pattern.fullmatch(name)):
            yield _file(f"{where}/{name}", name, opened)


def _file(where: str, name: str, opened: Callable[[], BinaryIO]) -> File:
    plain = Path(name)
    if plain.suffix.lower() in COMPRESSIONS:
        plain = plain.with_suffix("")
    stem = plain.with_suffix("").as_posix()
    return File(where, stem, plain.suffix.lower(), lambda: decompressed(opened(), name))


def read_file(file: File, left_out: Losses) -> list[Piece]:
    """Return the pieces in a file; none if it is not music, which is counted in `left_out`.

    The suffix determines the format. MIDI files are also recognized by their first bytes.

    Raises:
        UnreadableError: the file is damaged, or is not what its suffix says.
    """
    try:
        with explained("it"), closing(file.open()) as stream:
            data = stream.read(12)
            is_midi = data.startswith(b"MThd") or (data[:4], data[8:]) == (b"RIFF", b"RMID")
            reader = read_midi if is_midi else READERS.get(file.suffix)
            if reader:
                data += stream.read(MAX_BYTES)
    except StageError as error:
        raise UnreadableError("damaged", str(error)) from None
    if reader is None:
        is_archive = ARCHIVES.search(file.name) or OTHER_ARCHIVES.search(file.name)
        advice = "an archive inside the source: unpack it, or add it as another source"
        what = advice if is_archive else "its ending is not that of a file of notes"
        left_out.add(file.suffix or "none", file.name, what)
        return []
    if len(data) > MAX_BYTES:
        raise UnreadableError(
            "too_large", f"larger than {MAX_BYTES >> 20} MiB: split it into pieces"
        )
    return reader(data)


def read_piece(path: str, raw: Path) -> Piece:
    """Return the first piece in a file in `raw`.

    Raises:
        StageError: the file is missing, is one of several in a folder or archive, or is not music.
    """
    losses = Losses()
    files = list(find_files(Source(path=path), raw, losses))
    if len(files) != 1:
        raise StageError(f"{raw / path} has {len(files)} files: give one")
    try:
        pieces = read_file(files[0], losses)
    except StageError as error:
        raise StageError(f"{raw / path}: {error}") from None
    if not pieces:
        raise StageError(f"{raw / path} is not a file of notes ({', '.join(READERS)}): give one")
    return pieces[0]
