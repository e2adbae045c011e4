import numpy as np
import pandas as pd
from pandas.testing import assert_frame_equal

from stages.music.notes.pianoroll import from_notes, read_passages, to_notes

COLUMNS = ["part", "onset_beats", "duration_beats", "pitch_midi"]
NOTES = pd.DataFrame(
    [
        ("soprano", 0.0, 1.0, 72),
        ("soprano", 1.0, 0.5, 72),  # the same pitch begins anew
        ("soprano", 2.0, 2.0, 74),  # after a rest
        ("alto", 0.0, 4.0, 65),
        ("bass", 0.5, 3.5, 48),
    ],
    columns=COLUMNS,
)


def test_notes_to_roll_and_back_is_the_identity():
    again = to_notes(from_notes(NOTES, n_steps=8, steps_per_beat=2), steps_per_beat=2)
    assert_frame_equal(again[COLUMNS], NOTES.astype({"pitch_midi": "int32"}))
    assert set(again["passage"]) == {0}


def test_a_part_has_one_note_at_a_time():
    overlapping = pd.DataFrame([("alto", 0.0, 4.0, 60), ("alto", 1.0, 1.0, 62)], columns=COLUMNS)
    notes = to_notes(from_notes(overlapping, 8, 2), 2)
    assert notes[["onset_beats", "duration_beats", "pitch_midi"]].to_numpy().tolist() == [
        [0, 1, 60],
        [1, 1, 62],
    ]


def test_silence_gives_no_notes():
    roll = from_notes(NOTES.iloc[:0], 8, 2)
    assert not roll.pitches.any()
    assert to_notes(roll, 2).empty


def test_passages_begin_at_every_full_bar_in_c():
    # A pickup of one beat, then three bars of 4/4 in G major: one pitch per bar.
    notes = pd.DataFrame(
        {
            "piece_id": "a",
            "part": "tenor",
            "onset_beats": [0.0, 1.0, 5.0, 9.0],
            "duration_beats": [1.0, 4.0, 4.0, 4.0],
            "pitch_midi": [50, 55, 57, 59],
        }
    )
    pieces = pd.DataFrame(
        {
            "piece_id": ["a", "b"],
            "beats_per_bar": [4.0, 3.0],
            "pickup_beats": 1.0,
            "tonic_pitch_class": 7,
            "mode": "major",
        }
    )
    roll = read_passages(notes, pieces, bars=2, beats_per_bar=4, steps_per_beat=2)
    assert roll.pitches.shape == (2, 4, 16)
    np.testing.assert_array_equal(roll.pitches[:, 2, ::8], [[60, 62], [62, 64]])
    assert roll.onsets[:, 2].sum(axis=1).tolist() == [2, 2]
    # The same notes in G minor go to A minor.
    minor = read_passages(notes, pieces.assign(mode="minor"), 2, 4, 2)
    np.testing.assert_array_equal(minor.pitches[:, 2, ::8], [[57, 59], [59, 61]])
