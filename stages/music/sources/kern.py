"""A piece from a Humdrum file with spines in kern, which music21 reads.

Source: The Humdrum Toolkit: Reference Manual (D. Huron, 1994).
"""

import contextlib
import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from stages.music.sources.notation import Part, WrittenNote, decode, decode_part, piece_of
from stages.music.sources.piece import Metre, Piece, Tempo, UnreadableError

if TYPE_CHECKING:
    from music21.stream import Stream

_SPINES = re.compile(r"^(?:\*\*\S+\t)*\*\*kern\b", re.MULTILINE)
# music21 fills the memory with the beats of a bar of a million beats.
_LONG_METRE = re.compile(r"(?<![^\t\n])\*M(?:\d{4,}/\S*|\S*/\d{4,}\S*)")
_WORK = re.compile(r"^!!!OPR[^:\n]*:(.*)$", re.MULTILINE)
_TITLE = re.compile(r"^!!!OTL[^:\n]*:(.*)$", re.MULTILINE)
_COPYRIGHT = re.compile(r"^!!!YE[CM][^:\n]*:(.*)$", re.MULTILINE)


def read_kern(data: bytes) -> list[Piece]:
    """Read a Humdrum file with spines in kern.

    Each spine is a track. Ties are joined; grace notes are left out, and repeats are not unfolded.

    Args:
        data: the file, in UTF-8, UTF-16 or Latin-1

    Returns:
        The piece, a list of one.

    Raises:
        UnreadableError: the file has no spine in kern, or cannot be read.
    """
    text, encoding = decode(data)
    if not _SPINES.search(text):
        raise UnreadableError("no_kern", "not a kern file: no spine **kern in it; remove the file")
    text, n_long_metres = _LONG_METRE.subn("*", text)
    repairs = Counter(bad_time_signature=n_long_metres) if n_long_metres else Counter()
    from music21 import converter  # importing it takes seconds

    # On bad input, music21's parser raises exceptions of any type, such as IndexError from a list
    # of tokens: each means that it cannot read the text. It has no cache for `parseData`.
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            score = converter.parseData(text, format="humdrum")
            streams = [stream.flatten() for stream in score.parts]
            first_bar = _first_bar(score.parts[0]) if streams else Fraction(0)
    except Exception as error:  # noqa: BLE001
        what = " ".join(f"{type(error).__name__}: {error}".split())[:100]
        raise UnreadableError(
            "not_parsed", f"music21 cannot read it ({what}); correct it or export it as MusicXML"
        ) from None
    title = _texts(_WORK, text, encoding)[:1] + _texts(_TITLE, text, encoding)[:1]
    return [
        piece_of(
            [Part(_name(stream), list(_notes(stream, repairs))) for stream in streams],
            title=": ".join(title),
            metres=next((found for stream in streams if (found := _metres(stream))), []),
            tempos=[tempo for stream in streams for tempo in _tempos(stream)],
            first_bar_beats=first_bar,
            licence="; ".join(_texts(_COPYRIGHT, text, encoding)),
            repairs=repairs,
        )
    ]


def _texts(pattern: re.Pattern[str], text: str, encoding: str) -> list[str]:
    """Return the different texts that a pattern finds, in order."""
    found = (decode_part(match, encoding) for match in pattern.findall(text))
    return list(dict.fromkeys(one for one in found if one))


def _name(stream: "Stream") -> str:
    """Return the name that is printed (`*I"Violin I`), else that of the instrument (`*Ivioln`)."""
    for mark in stream.getElementsByClass("MiscTandem"):
        if mark.tandem.startswith('"'):
            return mark.tandem[1:].strip()
    instrument = stream.getElementsByClass("Instrument").first()
    return "" if instrument is None else instrument.instrumentName or ""


def _notes(stream: "Stream", repairs: Counter[str]) -> Iterator[WrittenNote]:
    instrument = stream.getElementsByClass("Instrument").first()
    program = 0 if instrument is None else instrument.midiProgram or 0
    for element in stream.notes:
        if element.duration.isGrace:
            continue
        for note in element.notes if element.isChord else [element]:
            if not note.isNote:
                repairs["unpitched_note"] += 1
                continue
            tie = note.tie
            yield WrittenNote(
                Fraction(element.offset),
                Fraction(element.quarterLength),
                note.pitch.midi,
                ends_tie=tie is not None and tie.type in ("stop", "continue"),
                starts_tie=tie is not None and tie.type in ("start", "continue"),
                program=program,
            )


def _metres(stream: "Stream") -> list[Metre]:
    return [
        Metre(float(metre.offset), metre.numerator, metre.denominator)
        for metre in stream.getElementsByClass("TimeSignature")
    ]


def _tempos(stream: "Stream") -> Iterator[Tempo]:
    for mark in stream.getElementsByClass("MetronomeMark"):
        if mark.number is not None and not mark.numberImplicit:
            bpm = float(mark.number) * float(mark.referent.quarterLength)
            yield Tempo(float(mark.offset), bpm)


def _first_bar(part: "Stream") -> Fraction:
    """Return the length of the first measure that is not empty, in quarter notes."""
    lengths = (Fraction(bar.highestTime) for bar in part.getElementsByClass("Measure"))
    return next((length for length in lengths if length), Fraction(0))
