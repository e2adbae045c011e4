import pytest

from stages.music.notes.keys import Key, find_key, transposition
from stages.music.sources.piece import Note

MAJOR, MINOR = [0, 2, 4, 5, 7, 9, 11, 12], [0, 2, 3, 5, 7, 8, 11, 12]


def note(onset, duration, pitch, is_drum=False):
    return Note(1, 0, 0, is_drum, onset, duration, onset / 2, duration / 2, pitch, 80)


def melody(pitches, duration=1.0):
    return [note(i * duration, duration, pitch) for i, pitch in enumerate(pitches)]


@pytest.mark.parametrize("tonic", range(12))
def test_scales_are_in_their_key_and_it_moves_with_the_notes(tonic):
    for scale, mode in ((MAJOR, "major"), (MINOR, "minor")):
        assert find_key(melody([60 + tonic + step for step in scale])) == Key(tonic, mode)


def test_the_last_bass_note_decides_between_keys_of_the_same_notes():
    # C E G A is as much an A minor as a C major chord.
    chord = [note(i, 1, pitch) for i in range(4) for pitch in (60, 64, 67, 69)]
    assert find_key([*chord, note(4, 1, 45), note(4, 1, 64)]) == Key(9, "minor")
    assert find_key([*chord, note(4, 1, 48), note(4, 1, 64)]) == Key(0, "major")


def test_a_last_bass_note_outside_the_key_does_not_decide():
    assert find_key([*melody([60 + step for step in MAJOR] * 3), note(24, 1, 54)]) == Key(
        0, "major"
    )


def test_a_note_that_ends_with_the_piece_belongs_to_the_last_chord_whenever_it_begins():
    chord = [note(i, 1, pitch) for i in range(4) for pitch in (60, 64, 67, 69)]
    assert find_key([note(0, 5, 45), *chord, note(4, 1, 64)]) == Key(9, "minor")


def test_drums_do_not_count():
    drums = [note(i / 4, 0.25, 61, is_drum=True) for i in range(100)]
    assert find_key([*drums, *melody([60 + step for step in MAJOR])]) == Key(0, "major")


def test_where_all_pitch_classes_sound_alike_the_bass_decides():
    assert find_key(melody([*range(61, 72), 48])) == Key(0, "major")


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
