"""Formats of notation that music21 reads: ABC and Humdrum's kern."""

import contextlib
import io
import re
import warnings
from typing import Any

from stages.music.sources.notation import Part, WrittenNote, piece_of
from stages.music.sources.piece import Metre, Piece, Tempo, UnreadableError

_TUNE = re.compile(r"^X:", re.MULTILINE)
_ABC_LICENCE = re.compile(r"^%.*?((?:copyright|\(c\)|licen[cs]e).*)$", re.MULTILINE | re.IGNORECASE)
_KERN_LICENCE = re.compile(r"^!!!(?:YEC|YEM|YEN)[^:]*:\s*(.*?)\s*$", re.MULTILINE)


def read_abc(data: bytes) -> list[Piece]:
    """Return the tunes in an ABC file.

    Chord symbols are not notes; ties are joined, grace notes left out, and repeats not unfolded. A
    tune that cannot be read does not prevent the others; the first one counts it as a repair.

    Raises:
        UnreadableError: no tune can be read.
    """
    text = _decoded(data)
    starts = [match.start() for match in _TUNE.finditer(text)]
    if not starts:
        raise UnreadableError("not_abc", "it has no tune, which begins with X: in ABC")
    head = text[: starts[0]]
    found = _ABC_LICENCE.search(head) or _ABC_LICENCE.search(text)
    licence = found[1].strip() if found else ""
    tunes, reasons = [], []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        tune = text[start:end]
        title = re.search(r"^T:\s*(.*?)\s*$", tune, re.MULTILINE)
        try:
            tunes.append(_read(head + tune, "abc", title[1] if title else "", licence))
        except UnreadableError as error:
            reasons.append(error)
    if not tunes:
        raise reasons[0]
    if reasons:
        tunes[0] = tunes[0]._replace(repairs=tunes[0].repairs | {"tune_unreadable": len(reasons)})
    return tunes


def read_kern(data: bytes) -> list[Piece]:
    """Return the piece in a kern file, a list of one; ties are joined, grace notes left out.

    Raises:
        UnreadableError: music21 cannot read the file.
    """
    text = _decoded(data)
    if "**kern" not in text:
        raise UnreadableError("not_kern", "it has no **kern spine: give a Humdrum file with notes")
    title = re.search(r"^!!!OTL[^:]*:\s*(.*?)\s*$", text, re.MULTILINE)
    licence = " ".join(dict.fromkeys(_KERN_LICENCE.findall(text)))
    return [_read(text, "humdrum", title[1] if title else "", licence)]


def _decoded(data: bytes) -> str:
    """Return the text of a file; of other encodings than UTF-8 only titles need the right one."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return data.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")


def _read(text: str, format_name: str, title: str, licence: str) -> Piece:
    import music21  # importing it takes seconds

    # On bad input its parsers raise exceptions of any type, AttributeError and TypeError among
    # them, so that the type does not tell a fault of the file from a fault of the program.
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            score = music21.converter.parseData(text, format=format_name)
            parts = list(score.parts) or [score]
            written = [Part(str(part.partName or ""), 0, _notes(part)) for part in parts]
            flat = parts[0].flatten()
            metres = [
                Metre(float(mark.offset), mark.numerator, mark.denominator)
                for mark in flat.getElementsByClass(music21.meter.TimeSignature)
            ]
            tempos = [
                Tempo(float(mark.offset), float(bpm))
                for mark in score.flatten().getElementsByClass(music21.tempo.MetronomeMark)
                if (bpm := mark.getQuarterBPM())
            ]
            pickup = _pickup(parts[0], metres)
    except Exception as error:  # noqa: BLE001
        raise UnreadableError(
            "unreadable_notation",
            f"music21 cannot read it ({type(error).__name__}: {str(error)[:100]}): correct it, or "
            "export it as MusicXML",
        ) from None
    return piece_of(
        written, title=title, metres=metres, tempos=tempos, pickup_beats=pickup, licence=licence
    )


def _notes(part: Any) -> list[WrittenNote]:
    """Return the notes of a part of music21, ties joined, without chord symbols and grace notes."""
    from music21.harmony import Harmony

    return [
        WrittenNote(element.offset, element.quarterLength, pitch.midi)
        for element in part.stripTies().flatten().notes
        if not isinstance(element, Harmony) and not element.duration.isGrace
        for pitch in element.pitches
    ]


def _pickup(part: Any, metres: list[Metre]) -> float:
    """Return the length of the first measure if it is shorter than the metre, else 0."""
    measure = part.getElementsByClass("Measure").first()
    if measure is None or not metres:
        return 0.0
    length = float(measure.duration.quarterLength)
    return length if 0 < length < metres[0].beats_per_bar else 0.0
