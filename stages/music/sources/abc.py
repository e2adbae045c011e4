"""Tunes from a file in ABC notation.

Source: the ABC music standard 2.1 (2011). music21 parses the tunes one by one.
"""

import re

from stages.music.sources.encodings import decode_text
from stages.music.sources.piece import Piece, UnreadableError
from stages.music.sources.streams import parse

_TUNE = re.compile(r"^(?=X:)", re.M)
_KEY = re.compile(r"^K:", re.M)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_TITLE = re.compile(r"^T:(.*)", re.M)
_LICENCE = re.compile(
    r"^(?:[ZNISH]:|%+)(.*(?:copyright|©|\(c\)|licen[cs]e|public domain|creative commons).*)",
    re.M | re.I,
)
# What is not music in the body of a tune: fields, comments, names of chords, and decorations.
_NOT_MUSIC = re.compile(r"^[A-Za-z+]:.*|%.*|\"[^\"\n]*\"|![^!\n]*!|\[[A-Za-z]:[^\]\n]*\]", re.M)
_METRE = re.compile(r"^M:|\[M:", re.M)
_NOTE_OR_LENGTH = re.compile(r"[A-Ga-gxzXZ]|[0-9]+")
# music21 takes minutes for a bar of thousands of beats. No real bar comes near this length.
_MAX_BAR = 200  # notes, plus their lengths in units of the field L


def read_abc(data: bytes) -> list[Piece]:
    """Read the tunes in a file in ABC notation. Those that cannot be read are counted.

    Args:
        data: the file

    Raises:
        UnreadableError: no tune can be read.
    """
    encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        encoding = "latin-1"  # for now: every byte is a character
        text = data.decode(encoding)
    text = "\n".join(text.replace("\x00", " ").splitlines()) + "\n"
    start, *tunes = _TUNE.split(text)
    if not tunes and _KEY.search(start):
        start, tunes = "", [start]
    header = _BLANK_LINE.split(start, maxsplit=1)[0].strip()  # of the file; holds for all tunes
    pieces, errors = [], []
    for tune in tunes:
        try:
            pieces.append(_read_tune(header, tune, encoding))
        except UnreadableError as error:
            errors.append(error)
    if not pieces:
        raise (
            errors[0]
            if errors
            else UnreadableError(
                "no_tune",
                "no tune in ABC notation, which has a line K: with its key; remove the file",
            )
        )
    if errors:
        pieces[0].repairs["tune_unreadable"] = len(errors)
    return pieces


def _read_tune(header: str, tune: str, encoding: str) -> Piece:
    """Return a tune, which ends at the first blank line below its key."""
    key = _KEY.search(tune)
    if key is None:
        raise UnreadableError("no_key", "a tune without a line K: with its key; add one")
    end = _BLANK_LINE.search(tune, key.end())
    text = f"{header}\n{tune[: end.start()] if end else tune}\n".lstrip()
    for bar in _NOT_MUSIC.sub("", text).split("|"):
        parts = _NOTE_OR_LENGTH.findall(bar)
        if sum(int(one[:9]) if one.isdigit() else 1 for one in parts) > _MAX_BAR:
            raise UnreadableError("long_bar", "a bar with over 200 notes; add bar lines")
    parsed = parse(text, "abc")
    if len(_METRE.findall(text)) <= 1:
        # music21 adds metres of its own where a bar has another length than the metre says.
        parsed.score.metres[:] = [metre for metre in parsed.score.metres if metre[0] == 0]
    if not parsed.score.notes:
        raise UnreadableError("no_notes", "a tune without notes; remove it")
    titles = [decode_text(one.encode(encoding)) for one in _TITLE.findall(text)]
    licences = [decode_text(one.encode(encoding)) for one in _LICENCE.findall(text)]
    return parsed.score.piece(
        next(iter(titles), ""),
        parsed.track_names,
        parsed.first_bar,
        "; ".join(dict.fromkeys(licences)),
    )
