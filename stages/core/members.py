"""Files in folders and archives: their names in Unicode, and how to open and decompress them."""

import bz2
import gzip
import io
import lzma
import os
import re
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import ParseError

import pyarrow as pa

from stages.core.errors import StageError
from stages.core.losses import Losses

COMPRESSIONS = {".gz", ".bz2", ".xz", ".zst"}
ARCHIVES = re.compile(r"\.(zip|tar|t[gbx]z|tbz2|tar\.(gz|bz2|xz))$", re.IGNORECASE)
OTHER_ARCHIVES = re.compile(r"\.(7z|rar|alz|egg|lzh|tar\.zst|tzst)$", re.IGNORECASE)
# Files that macOS, Windows, Jupyter, editors and NAS devices create.
HIDDEN = re.compile(
    r"(.*/)?(\.(?!\.?/)|__MACOSX/|~\$|[^/]*~(/|$)|#[^/]*#$|Thumbs\.db$|desktop\.ini$|\$RECYCLE\.BIN/"
    r"|System Volume Information/|lost\+found/|@eaDir/|__pycache__/).*",
    re.IGNORECASE | re.DOTALL,
)
# First bytes of files that are not text, what these files are, and what to do.
_REPACK = "unpack it, or pack it as .zip or .tar.gz"
_SIGNATURES = {
    b"7z\xbc\xaf'\x1c": ("a 7z archive", _REPACK),
    b"Rar!\x1a\x07": ("a RAR archive", _REPACK),
    b"ALZ\x01": ("an ALZip archive", _REPACK),
    b"PK\x03\x04": ("a zip archive, or an Excel or Word document",
                    "rename it to end in .zip, or save it as CSV or text"),
    b"PK\x05\x06": ("an empty zip archive", "pack it again"),
    b"\x1f\x8b\x08": ("compressed with gzip", "rename it to end in .gz (.tar.gz)"),
    b"BZh91AY&SY": ("compressed with bzip2", "rename it to end in .bz2 (.tar.bz2)"),
    b"\xfd7zXZ\x00": ("compressed with xz", "rename it to end in .xz (.tar.xz)"),
    b"\x28\xb5\x2f\xfd": ("compressed with Zstandard", "rename it to end in .zst"),
    b"%PDF-": ("a PDF", "save it as text"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an old Excel, Word or Hangul document",
                                          "save it as CSV or text"),
}  # fmt: skip
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, tarfile.TarError,
            zipfile.BadZipFile, pa.ArrowInvalid, ParseError, UnicodeError)  # fmt: skip
_ASCII = bytes(range(0x80))
# Syllables of KS X 1001 and jamo in CP949; Western letters rarely form such pairs.
_HANGUL = re.compile(rb"[\xa4\xb0-\xc8][\xa1-\xfe]")

Members = Iterator[tuple[str, Callable[[], BinaryIO]]]


def decompressed(stream: BinaryIO, name: str) -> BinaryIO:
    """Return `stream`, decompressed according to the suffix of `name`."""
    match Path(name).suffix.lower():
        case ".gz":
            return gzip.GzipFile(fileobj=stream)
        case ".bz2":
            return bz2.BZ2File(stream)
        case ".xz":
            return lzma.LZMAFile(stream)
        case ".zst":
            return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(stream), "zstd"))
    return stream


def looks_korean(raw: bytes) -> bool:
    """Return whether most non-ASCII bytes form pairs that are Hangul in CP949."""
    return 4 * len(_HANGUL.findall(raw)) > len(raw.translate(None, _ASCII))


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn exceptions from a damaged file into StageErrors that name its path."""
    try:
        yield
    except _DAMAGE as error:
        raise StageError(
            f"{path} is damaged or cut short ({error}): fetch or pack it again"
        ) from None
    except OSError as error:
        if error.errno is not None:  # such as a full disk, and unrelated to the content
            raise
        raise StageError(f"{path} is damaged ({error}): fetch or pack it again") from None


def refuse_other(start: bytes, path: str) -> None:
    """Refuse a file that begins like an archive or an office document.

    Raises:
        StageError: the file is one; the message says which, and what to do.
    """
    for signature, (what, advice) in _SIGNATURES.items():
        if start.startswith(signature):
            raise StageError(f"{path} is {what}: {advice}")


def folder_members(root: Path) -> Members:
    """Yield the files of a folder in order of their names.

    Raises:
        StageError: a link is broken.
    """
    found: list[tuple[str, Path]] = []
    for folder, _, files in os.walk(root, onerror=_refuse):
        for path in (Path(folder) / name for name in files):
            name = _decoded_name(os.fsencode(path.relative_to(root).as_posix()))
            if path.is_file():
                found.append((name, path))
            elif path.is_symlink() and not path.exists() and not HIDDEN.fullmatch(name):
                raise StageError(
                    f"{root}/{name} is a broken link: repair it, fetch its target, or remove it"
                )
    for name, path in sorted(found):
        yield name, lambda path=path: path.open("rb")


def _refuse(error: OSError) -> None:
    raise error


def _decoded_name(raw: bytes, korean: bool | None = None) -> str:
    """Decode a name from UTF-8 or the encoding of Korean or Western Windows, and return its NFC."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        korean = looks_korean(raw) if korean is None else korean
        try:
            name = raw.decode("cp949" if korean else "cp437")
        except UnicodeDecodeError:
            name = raw.decode("cp437")
    return unicodedata.normalize("NFC", name)


def archive_members(archive: Path, losses: Losses) -> Members:
    """Yield the files of an archive.

    Raises:
        StageError: the archive is damaged, or has another format than its name says.
    """
    is_zip = archive.suffix.lower() == ".zip"
    with explained(str(archive)):
        try:
            opened = (zipfile.ZipFile if is_zip else tarfile.open)(archive)
        except (zipfile.BadZipFile, tarfile.TarError):
            with archive.open("rb") as file:
                start = file.read(16)
            if not start.startswith((b"PK",) if is_zip else (b"\x1f\x8b", b"BZh", b"\xfd7z")):
                refuse_other(start, str(archive))
            raise
        except NotImplementedError as error:
            raise StageError(f"{archive} cannot be read ({error}): {_REPACK}") from None
        with opened:
            yield from _zipped(opened, archive) if is_zip else _tarred(opened, archive, losses)


def _zipped(opened: zipfile.ZipFile, archive: Path) -> Members:
    # A single short name may not show whether it is Korean.
    korean = looks_korean(b"".join(map(_raw_name, opened.infolist())))
    for info in opened.infolist():
        name = _decoded_name(_raw_name(info), korean)
        if info.create_system == 0:  # packed on Windows, where some programs write backslashes
            name = name.replace("\\", "/")
        if not name.endswith("/"):
            yield name, lambda info=info, name=name: _open_zipped(opened, info, f"{archive}/{name}")


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    # Bit 11 marks a name in UTF-8; Python decodes other names as CP437.
    return info.filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")


def _open_zipped(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: str) -> BinaryIO:
    if info.flag_bits & 1:
        raise StageError(f"{path} has a password: {_REPACK} without one")
    try:
        return opened.open(info)
    except NotImplementedError as error:
        method = zipfile.compressor_names.get(info.compress_type, f"method {info.compress_type}")
        raise StageError(
            f"{path} is compressed with {method} and cannot be read ({error}): {_REPACK}"
        ) from None


def _tarred(opened: tarfile.TarFile, archive: Path, losses: Losses) -> Members:
    for member in opened:
        name = _decoded_name(member.name.encode("utf-8", "surrogateescape")).removeprefix("./")
        if member.isfile() or member.islnk():
            yield (
                name,
                lambda member=member, name=name: _open_tarred(opened, member, archive / name),
            )
        elif member.issym():
            losses.add("link", f"{archive}/{name}", f"a link to {member.linkname}")


def _open_tarred(opened: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> BinaryIO:
    try:
        return opened.extractfile(member)
    except (KeyError, RecursionError):  # a hard link
        raise StageError(
            f"{path} is a link to {member.linkname}, which is not in the archive: pack it again"
        ) from None
