"""A piece of music, as every reader returns it."""

from collections.abc import Sequence
from typing import NamedTuple

from stages.core.errors import StageError


class UnreadableError(StageError):
    """A file that is not read.

    Attributes:
        reason: kind of fault, a key that counts files with the same one
    """

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


class Note(NamedTuple):
    """A note.

    Attributes:
        track: number of the track, staff or spine in the file, from 1
        channel: MIDI channel, 0 to 15
        program: General MIDI program, 0 to 127
        is_drum: whether the pitch names a drum (MIDI channel 9)
        onset_beats: onset in quarter notes from the start of the piece
        duration_beats: duration in quarter notes
        onset_seconds: onset in seconds from the start of the piece
        duration_seconds: duration in seconds
        pitch_midi: MIDI pitch, 0 to 127
        velocity: MIDI velocity, 1 to 127
    """

    track: int
    channel: int
    program: int
    is_drum: bool
    onset_beats: float
    duration_beats: float
    onset_seconds: float
    duration_seconds: float
    pitch_midi: int
    velocity: int


class Metre(NamedTuple):
    """A time signature from `onset_beats` on: `numerator`/`denominator`."""

    onset_beats: float
    numerator: int
    denominator: int

    @property
    def beats_per_bar(self) -> float:
        """Quarter notes in a bar."""
        return 4 * self.numerator / self.denominator


class Tempo(NamedTuple):
    """A tempo from `onset_beats` on, in quarter notes a minute."""

    onset_beats: float
    bpm: float


class Bend(NamedTuple):
    """From `onset_seconds` on, the notes of a channel sound higher by `semitones`."""

    channel: int
    onset_seconds: float
    semitones: float


class Pedal(NamedTuple):
    """At `onset_seconds`, the sustain pedal of a channel goes down or up."""

    channel: int
    onset_seconds: float
    is_down: bool


class Piece(NamedTuple):
    """A piece.

    Attributes:
        title: title in the file; empty if it has none
        notes: notes in order of onset, then track, then pitch
        track_names: names of the tracks in order; empty for a track without a name
        metres: time signatures in order, of which the first starts at 0
        tempos: tempos in order, of which the first starts at 0
        pickup_beats: quarter notes before the first full bar
        licence: what the file says of its licence; empty if it says nothing
        repairs: number of repairs by kind of fault
        bends: bends in order of time
        pedals: movements of sustain pedals in order of time
    """

    title: str
    notes: list[Note]
    track_names: list[str]
    metres: list[Metre]
    tempos: list[Tempo]
    pickup_beats: float
    licence: str
    repairs: dict[str, int]
    bends: Sequence[Bend] = ()
    pedals: Sequence[Pedal] = ()
