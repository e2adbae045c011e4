from fractions import Fraction

import pytest

from stages.music.notes.chorales import Note
from stages.music.notes.keys import Key, find_key, transposition


def chord(onset, duration, *pitches):
    """Return the notes of a chord, from bass to soprano."""
    parts = ["bass", "tenor", "alto", "soprano"]
    return [
        Note(part, Fraction(onset), Fraction(duration), pitch)
        for part, pitch in zip(parts, pitches, strict=True)
    ]


def test_tonic_is_the_lowest_note_of_the_last_chord():
    dominant, tonic = chord(0, 4, 43, 62, 67, 71), chord(4, 1, 48, 60, 64, 67)
    assert find_key(dominant + tonic) == Key(0, "major")
    assert (
        find_key(tonic + [n._replace(onset_beats=Fraction(9)) for n in dominant]).tonic_pitch_class
        == 7
    )


def test_a_note_that_ends_with_the_piece_belongs_to_the_last_chord_whenever_it_begins():
    pedal = Note("bass", Fraction(0), Fraction(8), 50)
    above = [
        Note("alto", Fraction(7), Fraction(1), 57),
        Note("tenor", Fraction(0), Fraction(7), 40),
    ]
    assert find_key([pedal, *above]).tonic_pitch_class == 2


def test_minor_that_ends_on_a_major_chord_is_minor():
    minor, picardy = chord(0, 2, 50, 57, 65, 69), chord(2, 1, 50, 57, 66, 69)
    assert find_key(minor + picardy) == Key(2, "minor")
    assert find_key(picardy) == Key(2, "major")


def test_thirds_of_equal_length_are_major_even_in_triplets():
    # As floats, six sixths of a beat add up to less than 1.
    major = [Note("alto", Fraction(n, 6), Fraction(1, 6), 64) for n in range(6)]
    minor = [Note("alto", Fraction(1), Fraction(1), 63)]
    assert find_key([*major, *minor, *chord(2, 1, 48, 55, 60, 67)]) == Key(0, "major")


@pytest.mark.parametrize(
    ("tonic", "mode", "semitones"),
    [
        (0, "major", 0), (7, "major", 5), (2, "major", -2), (6, "major", -6), (1, "major", -1),
        (9, "minor", 0), (2, "minor", -5), (4, "minor", 5), (0, "minor", -3), (3, "minor", -6),
    ],
)  # fmt: skip
def test_transposition_takes_the_nearer_way_to_c_major_or_a_minor(tonic, mode, semitones):
    assert transposition(Key(tonic, mode)) == semitones


@pytest.mark.parametrize("mode", ["major", "minor"])
def test_every_key_reaches_the_same_tonic(mode):
    moved = {(tonic + transposition(Key(tonic, mode))) % 12 for tonic in range(12)}
    assert moved == {0 if mode == "major" else 9}
    assert {transposition(Key(tonic, mode)) for tonic in range(12)} == set(range(-6, 6))
