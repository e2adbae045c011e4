import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from stages.music.notes.pianoroll import (
    Grid,
    Roll,
    choose_grid,
    ends_on,
    from_notes,
    from_samples,
    read_passages,
    read_piece,
    to_notes,
    to_samples,
)

COLUMNS = ["part", "onset_beats", "duration_beats", "pitch_midi"]
NOTES = pd.DataFrame(
    [
        (1, 0.0, 1.0, 72),
        (1, 1.0, 0.5, 72),  # the same pitch begins anew
        (1, 2.0, 2.0, 74),  # after a rest
        (2, 0.0, 4.0, 65),
        (3, 0.5, 3.5, 48),
    ],
    columns=COLUMNS,
)
GRID = Grid(parts=1, bars=2, beats_per_bar=4.0, steps_per_beat=2)


def piece(**changes):
    """Return a row of the table `pieces`."""
    return {
        "piece_id": "a", "mode": "major", "tonic_pitch_class": 7, "metre_changes": False,
        "beats_per_bar": 4.0, "pickup_beats": 1.0, "parts": 1, "length_beats": 13.0,
    } | changes  # fmt: skip


def test_notes_to_roll_and_back_is_the_identity():
    again = to_notes(from_notes(NOTES, 3, n_steps=8, steps_per_beat=2), steps_per_beat=2)
    assert_frame_equal(again[COLUMNS], NOTES.astype({"part": "int32", "pitch_midi": "int32"}))
    assert set(again["passage"]) == {0}


def test_samples_and_back_is_the_identity():
    roll = from_notes(NOTES, 3, 8, 2)
    both = Roll(np.repeat(roll.pitches, 2, axis=0), np.repeat(roll.onsets, 2, axis=0))
    table = to_samples(both, np.array([True, False]), 2).to_pandas()
    again, minor = from_samples(table, GRID._replace(parts=3), 8)
    np.testing.assert_array_equal(again.pitches, both.pitches)
    np.testing.assert_array_equal(again.onsets, both.onsets)
    assert minor.tolist() == [True, False]


def test_a_part_has_one_note_at_a_time():
    overlapping = pd.DataFrame([(1, 0.0, 4.0, 60), (1, 1.0, 1.0, 62)], columns=COLUMNS)
    notes = to_notes(from_notes(overlapping, 1, 8, 2), 2)
    assert notes[["onset_beats", "duration_beats", "pitch_midi"]].to_numpy().tolist() == [
        [0, 1, 60],
        [1, 1, 62],
    ]


def test_silence_gives_no_notes():
    roll = from_notes(NOTES.iloc[:0], 3, 8, 2)
    assert not roll.pitches.any()
    assert to_notes(roll, 2).empty


def test_passages_begin_at_every_full_bar_in_c():
    # A pickup of one beat, then three bars of 4/4 in G major: one pitch per bar.
    notes = pd.DataFrame(
        {
            "piece_id": "a",
            "part": 1,
            "onset_beats": [0.0, 1.0, 5.0, 9.0],
            "duration_beats": [1.0, 4.0, 4.0, 3.0],
            "pitch_midi": [50, 55, 57, 59],
        }
    )
    pieces = pd.DataFrame(
        [
            piece(),
            piece(piece_id="b", beats_per_bar=3.0),
            piece(piece_id="c", metre_changes=True),
            piece(piece_id="d", parts=0),
        ]
    )
    found = read_passages(notes, pieces, GRID)
    np.testing.assert_array_equal(found.roll.pitches[:, 0, ::8], [[60, 62], [62, 64]])
    assert found.roll.onsets[:, 0].sum(axis=1).tolist() == [2, 2]
    assert found.roll.pitches[1, 0, -2:].tolist() == [0, 0]  # the last bar is filled up
    assert found.bar.tolist() == [0, 1]
    assert found.bars_left.tolist() == [1, 0]
    assert found.closing_steps.tolist() == [8, 8]
    assert found.take(found.bar == 1).bars_left.tolist() == [0]
    # The same notes in G minor go to A minor.
    minor = read_passages(notes, pieces.assign(mode="minor"), GRID)
    np.testing.assert_array_equal(minor.roll.pitches[:, 0, ::8], [[57, 59], [59, 61]])
    assert minor.minor.all()


def test_of_more_parts_the_highest_and_the_lowest_are_taken():
    row = next(pd.DataFrame([piece(parts=3, tonic_pitch_class=0, pickup_beats=0.0)]).itertuples())
    roll = read_piece(NOTES, row, GRID._replace(parts=2))
    assert roll.pitches[0, :, 2].tolist() == [72, 48]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([piece(parts=4), piece(parts=4), piece(parts=2)], (4, 4.0)),
        ([piece(parts=7)], (4, 4.0)),
        # Most bars, not most pieces.
        ([piece(beats_per_bar=3.0, length_beats=90.0), piece(), piece()], (1, 3.0)),
        # Of 7/8, a bar has 7 steps; of 5/16 not a whole number.
        ([piece(beats_per_bar=3.5), piece(beats_per_bar=1.25, length_beats=900.0)], (1, 3.5)),
    ],
)
def test_the_grid_fits_most_of_the_music(pieces, expected):
    grid = choose_grid(pd.DataFrame(pieces), bars=4, steps_per_beat=2)
    assert (grid.parts, grid.beats_per_bar) == expected


def test_without_a_piece_in_one_metre_there_is_no_grid():
    assert choose_grid(pd.DataFrame([piece(metre_changes=True)]), 4, 2) is None


def test_a_piece_ends_on_the_last_note_of_its_lowest_part():
    pitches = np.array([[[72, 72, 72], [48, 43, 0]], [[72, 72, 72], [0, 0, 0]]])
    roll = Roll(pitches, pitches > 0)
    assert ends_on(roll, np.array([7, 0])).tolist() == [True, False]
    assert ends_on(roll, np.array([0, 0])).tolist() == [False, False]
