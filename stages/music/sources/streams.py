"""Scores from music21's parsers of text.

Repeats are not unfolded: each bar is read once, as written.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from stages.music.sources.engraved import Score, Written
from stages.music.sources.piece import UnreadableError

if TYPE_CHECKING:
    from music21.base import Music21Object
    from music21.stream import Stream


class Parsed(NamedTuple):
    """A score with what belongs to the whole of it.

    Attributes:
        score: notes, metres and tempos
        track_names: names of the parts in order; empty for a part without a name
        first_bar: length of the first bar in quarter notes; 0 if there is one bar only
    """

    score: Score
    track_names: list[str]
    first_bar: Fraction


def parse(text: str, language: str) -> Parsed:
    """Return a score in a language that music21 knows. Grace notes are left out.

    Args:
        text: one piece of music
        language: `abc` or `humdrum`

    Raises:
        UnreadableError: music21 cannot parse the text.
    """
    from music21 import converter  # takes a second, and most collections do not need it

    # Its parsers fail with many kinds of error on text with faults, such as IndexError, and print
    # warnings that do not say which file is meant.
    silence = io.StringIO()
    with (
        contextlib.redirect_stdout(silence),
        contextlib.redirect_stderr(silence),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            stream = converter.parseData(text, format=language)
        except Exception as error:  # noqa: BLE001
            what = re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(error).split()))[:200]
            raise UnreadableError(
                "not_parsed",
                f"music21 cannot read it ({type(error).__name__}: {what}); correct or remove it",
            ) from None
        return _read(stream)


def _read(stream: "Stream") -> Parsed:
    from music21.stream import Measure

    score, names, first_bar = Score(), [], Fraction(0)
    for track, part in enumerate(getattr(stream, "parts", ()) or [stream], start=1):
        names.append(" ".join((getattr(part, "partName", None) or "").split()))
        _read_part(score, track, part)
        starts = [Fraction(bar.offset) for bar in part.getElementsByClass(Measure)]
        first_bar = max(first_bar, next(filter(None, starts), Fraction(0)))
    return Parsed(score, names, first_bar)


def _read_part(score: Score, track: int, part: "Stream") -> None:
    """Add the notes, metres and tempos of a part to a score."""
    from music21 import chord, harmony, instrument, meter, note, tempo

    program = 0
    for element, onset in _elements(part, Fraction(0)):
        match element:
            case instrument.Instrument():
                program = element.midiProgram or 0
            case meter.TimeSignature():
                score.add_metre(onset, element.numerator, element.denominator)
            case tempo.MetronomeMark(numberImplicit=False):
                score.add_tempo(onset, element.getQuarterBPM() or 0)
            case harmony.Harmony():
                pass  # a name of a chord, which is not written in notes
            case note.Unpitched() | note.NotRest(pitches=()):
                score.repairs["unpitched_note"] += 1
            case note.NotRest() if not element.duration.isGrace:
                duration = Fraction(element.quarterLength)
                for one in element.notes if isinstance(element, chord.Chord) else [element]:
                    tie = one.tie or element.tie
                    kind = tie.type if tie else ""
                    score.notes.append(
                        Written(
                            track,
                            onset,
                            duration,
                            one.pitch.midi,
                            program,
                            tied_back=kind in ("stop", "continue"),
                            tied_on=kind in ("start", "continue"),
                        )
                    )


def _elements(stream: "Stream", start: Fraction) -> Iterator[tuple["Music21Object", Fraction]]:
    """Yield the elements in a stream and the streams inside it, with their onsets."""
    for element in stream:
        onset = start + Fraction(stream.elementOffset(element))
        if element.isStream:
            yield from _elements(element, onset)
        else:
            yield element, onset
