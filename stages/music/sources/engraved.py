"""Pieces from notes as scores write them: in fractions of quarter notes, with ties."""

from bisect import bisect_right
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from stages.music.sources.midi import DRUM_CHANNEL, MAX_BEATS
from stages.music.sources.piece import Metre, Note, Piece, Tempo, UnreadableError

VELOCITY = 80  # of all notes: dynamics in scores are not read
_DEFAULT_METRE = (4, 4)
_DEFAULT_BPM = 120.0
_CHANNELS = [channel for channel in range(16) if channel != DRUM_CHANNEL]
_MAX_BPM = 10_000.0


class Written(NamedTuple):
    """A note as written.

    Attributes:
        track: number of its part, from 1
        onset: onset in quarter notes from the start of the piece
        duration: duration in quarter notes
        pitch: MIDI pitch
        program: General MIDI program, 0 to 127
        tied_back: whether a tie joins it to the note before
        tied_on: whether a tie joins it to the note after
    """

    track: int
    onset: Fraction
    duration: Fraction
    pitch: int
    program: int
    tied_back: bool
    tied_on: bool


class Score:
    """What was read of a score.

    Attributes:
        notes: notes as written
        metres: onset, numerator and denominator of each time signature, in any order
        tempos: onset and quarter notes a minute of each tempo, in any order
        repairs: number of repairs by kind of fault
    """

    def __init__(self) -> None:
        self.notes: list[Written] = []
        self.metres: list[tuple[Fraction, int, int]] = []
        self.tempos: list[tuple[Fraction, float]] = []
        self.repairs: Counter[str] = Counter()

    def add_metre(self, onset: Fraction, numerator: int, denominator: int) -> None:
        """Add a time signature, unless it is an impossible one, which is counted."""
        if 0 < numerator <= 255 and 0 < denominator <= 128:
            self.metres.append((onset, numerator, denominator))
        else:
            self.repairs["bad_time_signature"] += 1

    def add_tempo(self, onset: Fraction, bpm: float) -> None:
        """Add a tempo in quarter notes a minute, unless it is an impossible one."""
        if 0 < bpm <= _MAX_BPM:
            self.tempos.append((onset, bpm))
        else:
            self.repairs["bad_tempo"] += 1

    def piece(self, title: str, track_names: list[str], first_bar: Fraction, licence: str) -> Piece:
        """Return the piece: ties joined, notes in order, with times in beats and in seconds.

        A first bar that is shorter than its metre is a pickup.

        Args:
            title: title; empty if the score has none
            track_names: names of the parts in order
            first_bar: length of the first bar in quarter notes
            licence: what the score says of its licence

        Raises:
            UnreadableError: the piece is longer than any that people play.
        """
        metres = [
            Metre(float(onset), *rest)
            for onset, *rest in _changes([(Fraction(0), *_DEFAULT_METRE), *self.metres])
        ]
        tempos = _changes([(Fraction(0), _DEFAULT_BPM), *self.tempos])
        notes = _timed(self._joined(), tempos)
        return Piece(
            title=title,
            notes=notes,
            track_names=track_names,
            metres=metres,
            tempos=[Tempo(float(onset), bpm) for onset, bpm in tempos],
            pickup_beats=float(first_bar) if first_bar < metres[0].beats_per_bar else 0.0,
            licence=licence,
            repairs=dict(sorted(self.repairs.items())),
        )

    def _joined(self) -> list[Written]:
        """Return the notes in order of onset, track and pitch, with ties joined."""
        joined: list[Written] = []
        tied: dict[tuple[int, int, Fraction], int] = {}  # track, pitch, end -> index in `joined`
        for note in sorted(
            self.notes, key=lambda note: (float(note.onset), note.track, note.pitch)
        ):
            if note.duration <= 0:
                self.repairs["zero_length_note"] += 1
                continue
            if not 0 <= note.pitch <= 127:
                self.repairs["pitch_out_of_range"] += 1
                continue
            index = tied.pop((note.track, note.pitch, note.onset), None) if note.tied_back else None
            if index is None:
                index = len(joined)
                joined.append(note)
            else:
                whole = joined[index].duration + note.duration
                joined[index] = joined[index]._replace(duration=whole)
            if note.tied_on:
                tied[note.track, note.pitch, note.onset + note.duration] = index
        return joined


def _changes(events: list[tuple]) -> list[tuple]:
    """Return events in order of onset without those that change nothing.

    Of several events at one onset, the last one holds.
    """
    changes: list[tuple] = []
    for onset, event in {event[0]: event for event in sorted(events, key=lambda e: e[0])}.items():
        if not changes or event[1:] != changes[-1][1:]:
            changes.append((onset, *event[1:]))
    return changes


def _timed(notes: list[Written], tempos: list[tuple[Fraction, float]]) -> list[Note]:
    """Return notes with times in beats and in seconds."""
    last = max((note.onset + note.duration for note in notes), default=0)
    if last > MAX_BEATS:
        raise UnreadableError(
            "too_long",
            f"a note ends after {float(last):,.0f} quarter notes, and pieces of up to "
            f"{MAX_BEATS:,} are read; correct its time or remove the file",
        )
    starts, clocks = [float(start) for start, _ in tempos], [0.0]
    for (start, end), (_, bpm) in zip(pairwise(starts), tempos, strict=False):
        clocks.append(clocks[-1] + (end - start) * 60 / bpm)

    def seconds(beats: float) -> float:
        change = bisect_right(starts, beats) - 1
        return clocks[change] + (beats - starts[change]) * 60 / tempos[change][1]

    timed = []
    for note in notes:
        onset, end = float(note.onset), float(note.onset + note.duration)
        onset_seconds = seconds(onset)
        timed.append(
            Note(
                note.track,
                _CHANNELS[(note.track - 1) % len(_CHANNELS)],
                note.program,
                False,
                onset,
                float(note.duration),
                onset_seconds,
                seconds(end) - onset_seconds,
                note.pitch,
                VELOCITY,
            )
        )
    return timed
