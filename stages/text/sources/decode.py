"""Bytes to text: unpacked, in the encoding they are probably in, with nothing lost unseen."""

import bz2
import codecs
import gzip
import io
import lzma
import re
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

COMPRESSIONS = {".gz", ".bz2", ".xz", ".zst"}
SAMPLE_BYTES = 1 << 18
# Those of the languages that are tokenized here; ASCII is itself in each, so that no guess can turn
# plain text into nonsense.
_GUESSED = ["ascii", "cp949", "cp1252"]
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def decompressed(stream: BinaryIO, name: str) -> BinaryIO:
    """Return `stream` unpacked as the ending of `name` says."""
    match Path(name).suffix:
        case ".gz":
            return gzip.GzipFile(fileobj=stream)
        case ".bz2":
            return bz2.BZ2File(stream)
        case ".xz":
            return lzma.LZMAFile(stream)
        case ".zst":
            return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(stream), "zstd"))
    return stream


class _Rejoined(io.RawIOBase):
    """A stream whose first bytes have been read already."""

    def __init__(self, head: bytes, rest: BinaryIO):
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        chunk = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)


def decoded(stream: BinaryIO, encoding: str | None, newline: str | None) -> io.TextIOWrapper:
    """Return `stream` as text; bytes that mean nothing become U+FFFD."""
    head = stream.read(SAMPLE_BYTES)
    return io.TextIOWrapper(
        io.BufferedReader(_Rejoined(head, stream), SAMPLE_BYTES),
        encoding=encoding or detect_encoding(head),
        errors="replace",
        newline=newline,
    )


def detect_encoding(head: bytes) -> str:
    """Return the encoding that the first bytes of a file are probably in.

    A byte order mark decides; else UTF-8, unless more of what is not ASCII breaks its rules than
    keeps them; else what charset-normalizer finds.
    """
    for mark, encoding in _BOMS.items():
        if head.startswith(mark):
            return encoding
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head)
    broken = text.count("\ufffd")
    if 2 * broken <= sum(map(len, re.findall(r"[^\x00-\x7f]+", text))):
        return "utf-8"
    # Imported here: most files need no guess.
    import charset_normalizer

    best = charset_normalizer.from_bytes(head, cp_isolation=_GUESSED).best()
    return best.encoding if best else "utf-8"
