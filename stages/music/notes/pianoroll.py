"""Notes as a four-part piano-roll on a grid of equal steps, and back.

For each part and step, a roll contains the MIDI pitch that sounds (0 for a rest) and whether a note
begins there. A pitch that sounds without beginning is held.
"""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.music.contracts import PARTS
from stages.music.notes.keys import Key, transposition

REST = 0


class Roll(NamedTuple):
    """Passages of four parts.

    Attributes:
        pitches: MIDI pitch or 0, (passages, parts, steps)
        onsets: whether a note begins, (passages, parts, steps)
    """

    pitches: np.ndarray
    onsets: np.ndarray


def from_notes(notes: pd.DataFrame, n_steps: int, steps_per_beat: int) -> Roll:
    """Return the notes of a piece as one passage, (1, parts, n_steps).

    A note sounds from the step nearest to its onset, for at least one step. Where two notes of a
    part overlap, the later one cuts off the earlier one.

    Args:
        notes: notes in columns part, onset_beats, duration_beats, pitch_midi
        n_steps: length of the passage; later notes are left out
        steps_per_beat: steps in a quarter note
    """
    pitches = np.zeros((1, len(PARTS), n_steps), dtype=np.int64)
    onsets = np.zeros_like(pitches, dtype=bool)
    starts = np.rint(notes["onset_beats"].to_numpy() * steps_per_beat).astype(int)
    ends = (notes["onset_beats"] + notes["duration_beats"]).to_numpy() * steps_per_beat
    ends = np.maximum(np.rint(ends).astype(int), starts + 1)
    rows = [PARTS.index(part) for part in notes["part"]]
    for row, start, end, pitch in sorted(
        zip(rows, starts, ends, notes["pitch_midi"].to_numpy(), strict=True)
    ):
        if 0 <= start < n_steps:
            pitches[0, row, start:] = REST  # a note ends where the next of its part begins
            onsets[0, row, start:] = False
            pitches[0, row, start:end] = pitch
            onsets[0, row, start] = True
    return Roll(pitches, onsets)


def to_notes(roll: Roll, steps_per_beat: int) -> pd.DataFrame:
    """Return the notes of passages: passage, part, onset_beats, duration_beats, pitch_midi."""
    rows = []
    n_steps = roll.pitches.shape[2]
    for passage, row in np.ndindex(roll.pitches.shape[:2]):
        pitches, onsets = roll.pitches[passage, row], roll.onsets[passage, row]
        changes = np.flatnonzero(onsets | (np.diff(pitches, prepend=REST) != 0))
        for start, end in itertools.pairwise([*changes, n_steps]):
            if pitches[start] != REST:
                beats = start / steps_per_beat, (end - start) / steps_per_beat
                rows.append((passage, PARTS[row], *beats, int(pitches[start])))
    types = {
        "passage": "int32",
        "part": "str",
        "onset_beats": "float64",
        "duration_beats": "float64",
        "pitch_midi": "int32",
    }
    # Without rows, pandas could not infer the types.
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def read_passages(
    notes: pd.DataFrame, pieces: pd.DataFrame, bars: int, beats_per_bar: int, steps_per_beat: int
) -> Roll:
    """Return every run of `bars` full bars of the pieces in one metre, in C major or A minor.

    Args:
        notes: table `notes`
        pieces: rows of the table `pieces`
        bars: bars in a passage; a passage starts at every bar
        beats_per_bar: quarter notes in a bar; pieces in another metre are left out
        steps_per_beat: steps in a quarter note
    """
    steps_per_bar = beats_per_bar * steps_per_beat
    of_piece = dict(list(notes.groupby("piece_id", sort=False)))
    pitches, onsets = [], []
    for piece in pieces[pieces["beats_per_bar"] == beats_per_bar].itertuples():
        own = of_piece[piece.piece_id]
        end_beats = (own["onset_beats"] + own["duration_beats"]).max() - piece.pickup_beats
        n_bars = int(end_beats // beats_per_bar)
        moved = own.assign(
            onset_beats=own["onset_beats"] - piece.pickup_beats,
            pitch_midi=own["pitch_midi"] + transposition(Key(piece.tonic_pitch_class, piece.mode)),
        )
        roll = from_notes(moved, n_bars * steps_per_bar, steps_per_beat)
        for bar in range(n_bars - bars + 1):
            span = slice(bar * steps_per_bar, (bar + bars) * steps_per_bar)
            pitches.append(roll.pitches[0, :, span])
            # A note held over from the bar before begins with the passage.
            begins = roll.onsets[0, :, span].copy()
            begins[:, 0] |= pitches[-1][:, 0] != REST
            onsets.append(begins)
    if not pitches:
        return Roll(
            np.zeros((0, len(PARTS), bars * steps_per_bar), dtype=np.int64),
            np.zeros((0, len(PARTS), bars * steps_per_bar), dtype=bool),
        )
    return Roll(np.stack(pitches), np.stack(onsets))
