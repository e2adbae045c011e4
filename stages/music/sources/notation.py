"""Written music as a piece: what readers of notation have in common."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from stages.music.sources.piece import Metre, Note, Piece, Tempo, UnreadableError

VELOCITY = 80  # of all notes: dynamics are not read
TEMPO_BPM = 120.0  # of music that states none, as in MIDI
# Notation has no channels; notes get one for each part, as in MIDI without that of the drums.
_CHANNELS = [channel for channel in range(16) if channel != 9]


class WrittenNote(NamedTuple):
    """A note of a part: onset and duration in quarter notes, and MIDI pitch."""

    onset_beats: Fraction | float
    duration_beats: Fraction | float
    pitch_midi: int


class Part(NamedTuple):
    """A part.

    Attributes:
        name: name; empty if it has none
        program: General MIDI program, 0 to 127
        notes: notes in any order, ties joined
    """

    name: str
    program: int
    notes: list[WrittenNote]


def piece_of(
    parts: Sequence[Part],
    *,
    title: str = "",
    metres: Sequence[Metre] = (),
    tempos: Sequence[Tempo] = (),
    pickup_beats: float = 0.0,
    licence: str = "",
    repairs: dict[str, int] | None = None,
) -> Piece:
    """Return parts as a piece, with a track for each.

    Notes without a duration or beyond the range of MIDI are left out, and counted as repairs. Where
    nothing is stated at the start, the metre is 4/4 and the tempo 120.

    Raises:
        UnreadableError: no part has a note.
    """
    repairs = dict(repairs or {})
    tempos = _from_start(tempos, Tempo(0.0, TEMPO_BPM))
    notes = []
    for number, part in enumerate(parts):
        for onset, duration, pitch in part.notes:
            reason = (
                "note_without_duration"
                if duration <= 0
                else "pitch_out_of_range"
                if not 0 <= pitch <= 127
                else None
            )
            if reason:
                repairs[reason] = repairs.get(reason, 0) + 1
                continue
            start, end = float(onset), float(onset + duration)
            seconds = _seconds(start, tempos), _seconds(end, tempos)
            channel = _CHANNELS[number % len(_CHANNELS)]
            notes.append(
                Note(
                    number + 1, channel, part.program, False, start, float(duration), seconds[0],
                    seconds[1] - seconds[0], pitch, VELOCITY,
                )
            )  # fmt: skip
    if not notes:
        raise UnreadableError("no_notes", "it has no note: give a file with notes")
    notes.sort(key=lambda note: (note.onset_beats, note.track, note.pitch_midi))
    return Piece(
        title=title,
        notes=notes,
        track_names=[part.name for part in parts],
        metres=_from_start(metres, Metre(0.0, 4, 4)),
        tempos=tempos,
        pickup_beats=pickup_beats,
        licence=licence,
        repairs=repairs,
    )


def _from_start(changes: Sequence, first: Metre | Tempo) -> list:
    """Return changes in order, each different from the one before, and from the start on."""
    ordered: list = []
    for change in sorted(changes, key=lambda change: change.onset_beats):
        if ordered and ordered[-1].onset_beats == change.onset_beats:
            ordered.pop()
        if not ordered or ordered[-1][1:] != change[1:]:
            ordered.append(change)
    return ordered if ordered and ordered[0].onset_beats <= 0 else [first, *ordered]


def _seconds(beats: float, tempos: list[Tempo]) -> float:
    """Return the time of a place in quarter notes, in seconds."""
    seconds, now, bpm = 0.0, 0.0, tempos[0].bpm
    for tempo in tempos[1:]:
        if tempo.onset_beats >= beats:
            break
        seconds += (tempo.onset_beats - now) * 60 / bpm
        now, bpm = tempo.onset_beats, tempo.bpm
    return seconds + (beats - now) * 60 / bpm
