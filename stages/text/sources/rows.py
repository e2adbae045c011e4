"""Read rows of CSV and TSV files with any use of quotation marks."""

import csv
import io
import re
from collections import deque
from collections.abc import Collection, Iterator
from typing import Any

from stages.text.sources.decode import Note

# Longer than any document, but bounded: an unclosed quotation mark would otherwise read the rest
# of a large file as one field.
LONGEST_FIELD = 1 << 27
# Characters of a TSV file that are inspected to decide whether it uses quoting.
WINDOW_CHARACTERS = 1 << 18
_FIELD = re.compile(r'(?:"((?:\\"|""|[^"])*)"|([^"\t\r\n]*))(\t|\r\n|\r|\n|\Z)')
_OPEN_FIELD = re.compile(r'"(?:\\"|""|[^"])*\Z')
_NUMBER = re.compile(r"[-+]?[\d.]+")
_ESCAPED_MARK = re.compile(r'(?<!\\)((?:\\\\)*)\\"')


def read_rows(text: io.TextIOBase, delimiter: str, note: Note) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table with their line numbers.

    Whether a TSV file uses quoting is decided at its first quotation marks. If the marks of a row
    do not match, the row is read again with backslash-escaped marks as part of the text, as Spark
    writes them. If they still do not match, the first line is parsed separately and reading
    continues with the next line, so that an unclosed mark does not swallow the rows after it.

    Args:
        text: content of the file.
        delimiter: comma or tab.
        note: callback for rows that are repaired (`repaired_row`) or dropped (`malformed`).
    """
    csv.field_size_limit(LONGEST_FIELD)
    quoted = None if delimiter == "\t" else True  # None: not yet decided
    escaped = False
    queue: deque[str] = deque()  # lines to read before those of `text`
    row_lines: list[str] = []

    def lines() -> Iterator[str]:
        while line := queue.popleft() if queue else text.readline(LONGEST_FIELD):
            row_lines.append(line)
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
        if len(row_lines) > 1 and len(row) != width:
            return row, f"{len(row)} columns instead of {width} in {len(row_lines)} lines"
        return row, ""

    number, width, rows = 1, None, reader()
    undecided = 0  # lines in `queue` that were inspected without a decision
    while True:
        row_lines.clear()
        if quoted is None:
            if not queue:
                queue.extend(_lines(text, 1))
            if undecided:
                undecided -= 1
            elif queue and '"' in queue[0]:
                queue.extend(_lines(text, WINDOW_CHARACTERS - sum(map(len, queue))))
                ends = sum(map(len, queue)) < WINDOW_CHARACTERS
                quoted = _is_quoted(queue, width, ends)
                undecided, rows = len(queue) - 1, reader()
        row, error = read()
        if row is None:
            return
        if error and any('\\"' in line for line in row_lines):
            queue.extendleft(reversed(row_lines))
            row_lines.clear()
            escaped, rows = True, reader()
            row, error = read()
            escaped, rows = False, reader()
        if error:
            first = row_lines[0]
            queue.extendleft(reversed(row_lines[1:]))
            del row_lines[1:]
            rows = reader()
            row = _parsed_line(first, delimiter)
            reason = "repaired_row" if len(row) == width else "malformed"
            note(reason, number, 1, f"quotation marks do not match ({error})")
        if not error or len(row) == width:
            yield number, row
        number += len(row_lines)


def _lines(text: io.TextIOBase, characters: int) -> Iterator[str]:
    """Yield lines of `text` until they have the given number of characters."""
    while characters > 0 and (line := text.readline(LONGEST_FIELD)):
        characters -= len(line)
        yield line


def _is_quoted(lines: Collection[str], width: int | None, ends: bool) -> bool | None:
    """Return whether lines of a TSV file use quoting, as Excel writes it; None if undecided.

    They do if every field with a quotation mark is quoted as a whole, and if quoting explains the
    lines better than literal marks: fewer rows have a wrong number of columns, or a field contains
    a doubled mark or a line break, or all fields but numbers are quoted from the first row on.

    Args:
        lines: lines; the first contains a mark.
        width: number of columns of the table, or None if the lines begin the table.
        ends: whether the file ends with these lines.
    """
    is_first, text = width is None, "".join(lines)
    position = read = fields = wrong_rows = 0
    has_evidence = has_bare_text = False
    while position < len(text):
        field = _FIELD.match(text, position)
        if field is None:
            if not ends and _OPEN_FIELD.match(text, position):
                break
            return False
        position, fields = field.end(), fields + 1
        content, bare, end = field.groups()
        if content is not None:
            has_break = ("\n" in content or "\r" in content) and "\t" not in content
            has_evidence = has_evidence or has_break or '"' in content
        elif bare and not _NUMBER.fullmatch(bare):
            has_bare_text = True
        if end != "\t":
            width = width or fields
            is_blank = fields == 1 and content is None and not bare
            wrong_rows += fields != width and not is_blank
            fields, read = 0, position
    wrong_lines = 0
    for line in lines:
        read -= len(line)
        if read < 0:
            break
        wrong_lines += line.count("\t") + 1 != width and bool(line.strip("\r\n"))
    if wrong_rows < wrong_lines:
        return True
    if wrong_rows == wrong_lines and (has_evidence or (is_first and not has_bare_text)):
        return True
    return None


def _parsed_line(line: str, delimiter: str) -> list[str]:
    """Return the fields of a single line; unmatched quotation marks are allowed."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
