import itertools
import random
import time

from stages.music.notes.voices import number_voices
from stages.music.sources.piece import Note


def note(onset, duration, pitch, track=1, channel=0, is_drum=False):
    return Note(track, channel, 0, is_drum, onset, duration, onset / 2, duration / 2, pitch, 80)


def test_tracks_with_one_note_at_a_time_are_voices_from_high_to_low():
    notes = [
        note(i, 1, base + i % 3, track)
        for i in range(8)
        for track, base in ((1, 50), (2, 76), (3, 60))
    ]
    assert number_voices(notes) == [3, 1, 2] * 8


def test_channels_of_a_track_are_voices_and_drums_are_none():
    notes = [note(0, 4, 40, channel=1), note(0, 4, 72, channel=2),
             note(0, 4, 38, channel=9, is_drum=True)]  # fmt: skip
    assert number_voices(notes) == [2, 1, 0]


def test_legato_stays_one_voice():
    legato = [note(i, 1.2, 60 + i % 2) for i in range(8)]
    assert set(number_voices(legato)) == {1}
    held = [note(i, 1.6, 60 + i % 2) for i in range(8)]
    assert set(number_voices(held)) == {1, 2}


def test_a_rare_overlap_does_not_split_a_melody():
    melody = [note(i, 1, 60 + i % 5) for i in range(40)]
    assert set(number_voices([*melody, note(19, 1, 57)])) == {1}
    assert set(number_voices([*melody, *(note(i, 1, 57) for i in range(16, 19))])) == {1, 2}


def test_chords_are_split_from_high_to_low_even_if_played_unevenly():
    chord = [60, 64, 67]
    notes = [note(i + 0.01 * k, 0.9, chord[k] + i) for i in range(5) for k in (1, 2, 0)]
    assert number_voices(notes) == [2, 1, 3] * 5


def test_a_note_goes_to_the_free_voice_that_was_nearest():
    chord = [note(0, 1, pitch) for pitch in (72, 64, 48)]
    assert number_voices([*chord, note(1, 1, 50)]) == [1, 2, 3, 3]
    assert number_voices([*chord, note(1, 1, 65)]) == [1, 2, 3, 2]
    # While the middle voice sounds on, the note goes to another one.
    held = [chord[0], note(0, 4, 64), chord[2]]
    assert number_voices([*held, note(1, 1, 65)]) == [1, 2, 3, 1]


def test_the_highest_note_of_a_fuller_chord_stays_in_the_highest_voice():
    melody = [note(i, 1, pitch) for i, pitch in enumerate((72, 74, 76, 74, 72))]
    last = [note(5, 1, pitch) for pitch in (71, 67, 62, 55)]
    assert number_voices(melody + last) == [1, 1, 1, 1, 1, 1, 2, 3, 4]


def test_voices_have_one_note_at_a_time_and_move_with_the_key_and_tempo():
    draw = random.Random(1)
    notes = [
        note(draw.randrange(200) / 4, draw.choice([0.25, 0.5, 1, 2]), draw.randint(40, 80))
        for _ in range(400)
    ]
    parts = number_voices(notes)
    for part in set(parts):
        own = sorted(n for n, p in zip(notes, parts, strict=True) if p == part)
        own.sort(key=lambda n: n.onset_beats)
        for one, other in itertools.pairwise(own):
            overlap = one.onset_beats + one.duration_beats - other.onset_beats
            assert overlap <= 0.25 * min(one.duration_beats, other.duration_beats)
    moved = [
        n._replace(
            onset_beats=2 * n.onset_beats,
            duration_beats=2 * n.duration_beats,
            pitch_midi=n.pitch_midi + 7,
        )
        for n in notes
    ]
    assert number_voices(moved) == parts


def test_a_hundred_tracks_take_seconds():
    draw = random.Random(1)
    notes = [
        note(i / 4, 0.25 + 2 * draw.random(), draw.randint(20, 100), track)
        for track in range(1, 101)
        for i in range(200)
    ]
    start = time.monotonic()
    number_voices(notes)
    assert time.monotonic() - start < 5
