"""Decode files, if necessary line by line, and report what is lost."""

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import BinaryIO

from stages.core.members import looks_korean

SAMPLE_BYTES = 1 << 18
# Maximum bytes that are decoded at once where there is no line end or space.
_LONGEST_BLOCK = 4 * SAMPLE_BYTES
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is a prefix of it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Lines end in the same bytes in all of these, so each line can be decoded separately.
_BY_LINE = ("utf-8", "cp949", "cp1252")
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# In Windows-1252; in CP949 the last two bytes are a syllable, which is rare between Latin letters.
_APOSTROPHE = re.compile(rb"[A-Za-z]\x92[A-Za-z]")
_SYLLABLE = re.compile("[가-힣]")
_FIRST_WIDE = "\u0800"  # from here on, a character takes three bytes of UTF-8
_REPLACEMENT = "\ufffd".encode()
_LONE_RETURN = re.compile(rb"\r(?!\n)")

# A callback for lines with a problem: reason, number of the first line, number of lines, message.
Note = Callable[[str, int, int, str], None]


class _BlockStream(io.RawIOBase):
    """A stream of blocks of bytes."""

    def __init__(self, blocks: Iterator[bytes]):
        self._blocks = blocks
        self._block = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        while not self._block:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._block = memoryview(block)
        size = min(len(buffer), len(self._block))
        buffer[:size] = self._block[:size]
        self._block = self._block[size:]
        return size


def decoded(
    stream: BinaryIO, encoding: str | None, newline: str | None, note: Note
) -> io.TextIOWrapper:
    """Return `stream` as text without byte order marks; undecodable bytes become U+FFFD.

    Args:
        stream: content of a file.
        encoding: encoding of the file; None detects it, for each line if lines of UTF-8, CP949 and
            Windows-1252 are mixed.
        newline: newline mode, as for `open`.
        note: callback for lines in another encoding than the file (`other_encoding`), lines that
            cannot be decoded (`undecodable_line`), and lines other than the first that begin with
            a byte order mark (`inner_mark`).
    """
    head = stream.read(SAMPLE_BYTES)
    raw = chain([head], iter(lambda: stream.read(SAMPLE_BYTES), b""))
    found = encoding or detect_encoding(head)
    by_line = encoding is None and found in _BY_LINE
    if not by_line:
        raw = _in_utf8(raw, found)
    blocks = _lines(raw, found, by_line, newline != "\n", note)
    return io.TextIOWrapper(
        io.BufferedReader(_BlockStream(blocks), SAMPLE_BYTES), "utf-8", "replace", newline
    )


def detect_encoding(head: bytes) -> str:
    """Return the most probable encoding of the first bytes of a file.

    A byte order mark decides. Otherwise it is UTF-16 or UTF-32 if that explains NUL bytes; UTF-8
    unless more of the other characters are invalid than valid; or else CP949 or Windows-1252.
    ASCII is the same in the last three, so a wrong guess cannot garble plain text.
    """
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        for encoding in _WIDE:
            text = head.decode(encoding, "replace")
            # English and Korean text consists mostly of these characters; others occur by chance.
            expected = sum(" " <= c <= "~" or c in "\t\r\n" or "가" <= c <= "힣" for c in text)
            if 2 * expected > len(text):
                return encoding
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head)
    if _mostly_readable(text):
        return "utf-8"
    others = b"".join(line for line in head.splitlines(True) if not _is_readable(line, "utf-8"))
    return "cp949" if looks_korean(others) else "cp1252"


def _mostly_readable(text: str, first: str = "\x80") -> bool:
    """Return whether U+FFFD is at most as frequent as other characters from `first` on."""
    broken = text.count("\ufffd")
    return broken <= sum(map(len, re.findall(rf"[{first}-\ufffc\ufffe-\U0010ffff]+", text)))


def _in_utf8(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for block in blocks:
        yield _encoded(decoder.decode(block))
    yield _encoded(decoder.decode(b"", True))


def _encoded(text: str) -> bytes:
    # UTF-7 and some other encodings may yield surrogates, which are not characters.
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks that end with a line or, within a very long line, with a space."""
    rest = b""
    for block in blocks:
        rest += block
        # A final \r may be the first half of a line end.
        end = 1 + max(rest.rfind(b"\n"), rest.rfind(b"\r", 0, max(0, len(rest) - 1)))
        end = end or 1 + rest.rfind(b" ")
        if not end and len(rest) > _LONGEST_BLOCK:
            # Do not split a character of UTF-8, which begins with a byte from C0 on.
            end = len(rest) - next((n for n in (1, 2, 3, 4) if rest[-n] >= 0xC0), 0)
        if end:
            yield rest[:end]
            rest = rest[end:]
    yield rest


def _lines(
    blocks: Iterable[bytes], encoding: str, by_line: bool, universal: bool, note: Note
) -> Iterator[bytes]:
    """Yield blocks of lines in UTF-8 and report lines to `note`, as in `decoded`.

    Args:
        blocks: content of a file.
        encoding: encoding of the file.
        by_line: whether to detect the encoding of each line.
        universal: whether a lone carriage return ends a line, too.
        note: callback for lines with a problem.
    """
    first, starts_line = 1, True
    note = _once(note)
    for block in _whole_lines(blocks):
        if _contains(block, codecs.BOM_UTF8):
            block = _without_marks(block, first, starts_line, universal, note)
        if (
            by_line
            and not block.isascii()
            and not (encoding == "utf-8" and _is_readable(block, "utf-8"))
        ):
            block = _repaired(_split(block, universal), encoding, first, note)
        if _contains(block, _REPLACEMENT):
            lines = _split(block, universal)
            message = f"some bytes cannot be decoded as {encoding}"
            lost = {n: message for n, line in enumerate(lines, first) if _REPLACEMENT in line}
            _note_runs(lost, note, "undecodable_line")
        yield block
        first += block.count(b"\n")
        if universal:
            first += len(_LONE_RETURN.findall(block))
        starts_line = block.endswith((b"\n", b"\r")) if block else starts_line


def _contains(block: bytes, character: bytes) -> bool:
    # One byte is found fifty times as fast as three, and is seldom there.
    return character[:1] in block and character in block


def _split(block: bytes, universal: bool) -> list[bytes]:
    return block.splitlines(True) if universal else io.BytesIO(block).readlines()


def _is_readable(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _repaired(lines: list[bytes], encoding: str, first: int, note: Note) -> bytes:
    """Return lines in UTF-8, each decoded from its own encoding."""
    texts = [line.decode("utf-8", "replace") for line in lines]
    bad = b"".join(
        line for line, text in zip(lines, texts, strict=True)
        if "\ufffd" in text and not _mostly_readable(text)
    )  # fmt: skip
    korean = looks_korean(bad) or encoding == "cp949"
    korean_in_utf8 = any("\ufffd" not in text and _SYLLABLE.search(text) for text in texts)
    others: dict[int, str] = {}
    for index, (line, text) in enumerate(zip(lines, texts, strict=True)):
        if line.isascii():
            continue
        # A few syllables of CP949 may by chance be valid UTF-8, but only as two-byte characters.
        by_chance = korean and not korean_in_utf8 and max(text) < _FIRST_WIDE
        found = _line_encoding(line, text, korean, by_chance)
        if found != "utf-8":
            texts[index] = line.decode(found, "replace")
        if found != encoding:
            others[first + index] = f"decoded as {found}, while the file is {encoding}"
    _note_runs(others, note, "other_encoding")
    return "".join(texts).encode()


def _line_encoding(line: bytes, text: str, korean: bool, by_chance: bool) -> str:
    """Return the encoding of a line.

    Args:
        line: bytes of the line, not all of them ASCII.
        text: line decoded as UTF-8, with U+FFFD for invalid bytes.
        korean: whether surrounding lines that are not UTF-8 are Korean in CP949.
        by_chance: whether the line may be valid UTF-8 only by chance.
    """
    if "\ufffd" not in text:
        if not by_chance:
            return "utf-8"
    elif korean and looks_korean(line) and _is_readable(line, "cp949"):
        return "cp949"
    elif _mostly_readable(text, _FIRST_WIDE if korean else "\x80"):
        return "utf-8"
    if looks_korean(line):
        return "cp949"
    if korean and not _APOSTROPHE.search(line) and _is_readable(line, "cp949"):
        return "cp949"
    return "cp1252"


def _without_marks(
    block: bytes, first: int, starts_line: bool, universal: bool, note: Note
) -> bytes:
    """Return a block without the byte order marks at the beginning of lines."""
    lines = _split(block, universal)
    marked = {}
    for index, line in enumerate(lines):
        if line.startswith(codecs.BOM_UTF8) and (index or starts_line):
            while lines[index].startswith(codecs.BOM_UTF8):
                lines[index] = lines[index].removeprefix(codecs.BOM_UTF8)
            if first + index > 1:
                marked[first + index] = "a byte order mark inside the file"
    _note_runs(marked, note, "inner_mark")
    return b"".join(lines)


def _note_runs(lines: dict[int, str], note: Note, reason: str) -> None:
    """Report lines; consecutive lines with the same message are reported together."""
    numbers = list(lines)
    begin = 0
    for end in range(1, len(numbers) + 1):
        last = numbers[end - 1]
        if lines.get(last + 1) != lines[last]:
            note(reason, numbers[begin], end - begin, lines[last])
            begin = end


def _once(note: Note) -> Note:
    """Return `note` without repeated lines: a long line may lie in several blocks."""
    last: dict[str, int] = {}

    def note_once(reason: str, first: int, count: int, message: str) -> None:
        repeated = last.get(reason) == first
        last[reason] = first + count - 1
        if count > repeated:
            note(reason, first + repeated, count - repeated, message)

    return note_once
