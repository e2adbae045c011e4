"""Rows of CSV and TSV files, whatever their quotation marks."""

import csv
import io
import re
from collections import deque
from collections.abc import Collection, Iterator
from typing import Any

from stages.text.sources.decode import Note

# A field of a table may be longer than any document; without a bound one quotation mark that is
# never closed would take in all the rest of a large file.
LONGEST_FIELD = 1 << 27
# How much of a TSV file says whether its quotation marks mean anything.
WINDOW_CHARACTERS = 1 << 18
_FIELD = re.compile(r'(?:"((?:\\"|""|[^"])*)"|([^"\t\r\n]*))(\t|\r\n|\r|\n|\Z)')
_OPEN_FIELD = re.compile(r'"(?:\\"|""|[^"])*\Z')
_NUMBER = re.compile(r"[-+]?[\d.]+")
_ESCAPED_MARK = re.compile(r'(?<!\\)((?:\\\\)*)\\"')


def read_rows(text: io.TextIOBase, delimiter: str, note: Note) -> Iterator[tuple[int, list[str]]]:
    """Yield rows with their line numbers.

    Whether the quotation marks of a TSV file mean anything is decided where the first of them are.
    Where the marks of a row make no sense, it is read once more with those behind a backslash as
    part of the text, as Spark writes them. If that makes no sense either, its first line is read
    by itself, and reading goes on with the next: one mark left open does not swallow the rows after
    it.
    """
    csv.field_size_limit(LONGEST_FIELD)
    quoted = None if delimiter == "\t" else True  # None: not yet known
    escaped = False
    again: deque[str] = deque()
    taken: list[str] = []

    def lines() -> Iterator[str]:
        while line := again.popleft() if again else text.readline(LONGEST_FIELD):
            taken.append(line)
            yield _ESCAPED_MARK.sub(r'\1""', line) if escaped else line

    def reader() -> Any:
        quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        return csv.reader(lines(), delimiter=delimiter, quoting=quoting, strict=True)

    def read() -> tuple[list[str] | None, str]:
        nonlocal width
        try:
            row = next(rows, None)
        except csv.Error as error:
            return [], str(error)
        if row is None:
            return None, ""
        width = width or len(row)
        if len(taken) > 1 and len(row) != width:
            return row, f"{len(row)} columns instead of {width} in {len(taken)} lines"
        return row, ""

    number, width, rows = 1, None, reader()
    judged = 0  # lines in `again` that say nothing of the quotation marks
    while True:
        taken.clear()
        if quoted is None:
            if not again:
                again.extend(_lines(text, 1))
            if judged:
                judged -= 1
            elif again and '"' in again[0]:
                again.extend(_lines(text, WINDOW_CHARACTERS - sum(map(len, again))))
                ends = sum(map(len, again)) < WINDOW_CHARACTERS
                quoted = _marks_mean_quoting(again, width, ends)
                judged, rows = len(again) - 1, reader()
        row, wrong = read()
        if row is None:
            return
        if wrong and any('\\"' in line for line in taken):
            again.extendleft(reversed(taken))
            taken.clear()
            escaped, rows = True, reader()
            row, wrong = read()
            escaped, rows = False, reader()
        if wrong:
            first = taken[0]
            again.extendleft(reversed(taken[1:]))
            del taken[1:]
            rows = reader()
            row = _bare_row(first, delimiter)
            kind = "repaired_row" if len(row) == width else "malformed"
            note(kind, number, 1, f"quotation marks do not match ({wrong})")
        if not wrong or len(row) == width:
            yield number, row
        number += len(taken)


def _lines(text: io.TextIOBase, characters: int) -> Iterator[str]:
    """Yield lines of `text` until they have as many characters."""
    while characters > 0 and (line := text.readline(LONGEST_FIELD)):
        characters -= len(line)
        yield line


def _marks_mean_quoting(lines: Collection[str], width: int | None, ends: bool) -> bool | None:
    """Return whether some lines of a TSV file are quoted as Excel quotes; None where it is open.

    They are where every field with a quotation mark is quoted whole, and where that says more than
    leaving the marks alone: fewer rows have a wrong number of columns, or a field has a doubled
    mark or a line break inside, or, from the first row on, all but numbers are quoted.

    Args:
        lines: the first of which has a mark.
        width: columns of the table; None where the lines are its first.
        ends: whether the file ends with them.
    """
    is_first, text = width is None, "".join(lines)
    place = read = fields = wrong_rows = 0
    reason = bare_text = False
    while place < len(text):
        field = _FIELD.match(text, place)
        if field is None:
            if not ends and _OPEN_FIELD.match(text, place):
                break
            return False
        place, fields = field.end(), fields + 1
        inside, bare, end = field.groups()
        if inside is not None:
            is_broken = ("\n" in inside or "\r" in inside) and "\t" not in inside
            reason = reason or is_broken or '"' in inside
        elif bare and not _NUMBER.fullmatch(bare):
            bare_text = True
        if end != "\t":
            width = width or fields
            is_blank = fields == 1 and inside is None and not bare
            wrong_rows += fields != width and not is_blank
            fields, read = 0, place
    wrong_lines = 0
    for line in lines:
        read -= len(line)
        if read < 0:
            break
        wrong_lines += line.count("\t") + 1 != width and bool(line.strip("\r\n"))
    if wrong_rows < wrong_lines:
        return True
    if wrong_rows == wrong_lines and (reason or (is_first and not bare_text)):
        return True
    return None


def _bare_row(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line by itself, whatever its quotation marks."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
