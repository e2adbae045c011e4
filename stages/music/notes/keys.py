"""The key of a piece, from its notes."""

from fractions import Fraction
from typing import NamedTuple

from stages.music.notes.chorales import Note

_TARGETS = {"major": 0, "minor": 9}  # C and A


class Key(NamedTuple):
    """A key.

    Attributes:
        tonic_pitch_class: pitch class of the tonic, 0 (C) to 11 (B)
        mode: "major" or "minor"
    """

    tonic_pitch_class: int
    mode: str


def find_key(notes: list[Note]) -> Key:
    """Return the key of a chorale.

    The tonic is the lowest note of the last chord. The mode follows from the third above the tonic
    that sounds longer over the whole piece, because pieces in minor often end on a major chord; a
    tie counts as major. The key signature is not used: many pieces in minor are written with one
    flat fewer than today.
    """
    end = max(note.onset_beats + note.duration_beats for note in notes)
    last = [n.pitch_midi for n in notes if n.onset_beats + n.duration_beats == end]
    tonic = min(last) % 12
    sounding = [Fraction(0)] * 12  # beats of each interval above the tonic
    for note in notes:
        sounding[(note.pitch_midi - tonic) % 12] += note.duration_beats
    return Key(tonic, "minor" if sounding[3] > sounding[4] else "major")


def transposition(key: Key) -> int:
    """Return the semitones, from -6 to 5, that take a key to C major or A minor."""
    return (_TARGETS[key.mode] - key.tonic_pitch_class + 6) % 12 - 6
