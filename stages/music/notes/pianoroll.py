"""Notes as a piano-roll on a grid of equal steps, one row a part, and back.

For each part and step, a roll contains the MIDI pitch that sounds (0 for a rest) and whether a note
begins there. A pitch that sounds without beginning is held.
"""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from stages.music.notes.keys import Key, transposition

REST = 0
MOST_PARTS = 4


class Grid(NamedTuple):
    """The steps of a passage.

    Attributes:
        parts: number of parts
        bars: bars in a passage
        beats_per_bar: quarter notes in a bar
        steps_per_beat: steps in a quarter note
    """

    parts: int
    bars: int
    beats_per_bar: float
    steps_per_beat: int

    @property
    def steps_per_bar(self) -> int:
        """Steps in a bar."""
        return round(self.beats_per_bar * self.steps_per_beat)

    @property
    def steps(self) -> int:
        """Steps in a passage."""
        return self.bars * self.steps_per_bar


class Roll(NamedTuple):
    """Passages of some parts, the highest first.

    Attributes:
        pitches: MIDI pitch or 0, (passages, parts, steps)
        onsets: whether a note begins, (passages, parts, steps)
    """

    pitches: np.ndarray
    onsets: np.ndarray

    def take(self, passages: np.ndarray | slice) -> "Roll":
        """Return some of the passages."""
        return Roll(self.pitches[passages], self.onsets[passages])


class Passages(NamedTuple):
    """Passages of pieces, transposed to C major or A minor.

    Attributes:
        roll: the passages
        piece_ids: piece of each passage, (passages,)
        minor: whether the piece is in minor, (passages,)
        bar: number of the passage's first bar in its piece, from 0, (passages,)
        bars_left: number of bars that follow the passage in its piece, (passages,)
        closing_steps: steps from the last note of the piece's lowest part to its end, (passages,)
    """

    roll: Roll
    piece_ids: np.ndarray
    minor: np.ndarray
    bar: np.ndarray
    bars_left: np.ndarray
    closing_steps: np.ndarray

    def take(self, passages: np.ndarray | slice) -> "Passages":
        """Return some of the passages."""
        return Passages(self.roll.take(passages), *(column[passages] for column in self[1:]))


def choose_grid(pieces: pd.DataFrame, bars: int, steps_per_beat: int) -> Grid | None:
    """Return the grid that fits most of the pieces; None if none fits any.

    The number of parts is the one that most pieces have, at most `MOST_PARTS`, and the metre is the
    one of most bars of pieces with so many parts, among metres of whole steps that do not change.
    """
    counts = pieces["parts"].clip(upper=MOST_PARTS)
    parts = counts[counts > 0].mode().max()
    steps_per_bar = pieces["beats_per_bar"] * steps_per_beat
    usable = pieces[
        (pieces["parts"] >= parts)
        & ~pieces["metre_changes"]
        & (steps_per_bar >= 1)
        & (steps_per_bar % 1 == 0)
    ]
    if usable.empty:
        return None
    bars_of_metre = (usable["length_beats"] / usable["beats_per_bar"]).groupby(
        usable["beats_per_bar"]
    )
    return Grid(int(parts), bars, float(bars_of_metre.sum().idxmax()), steps_per_beat)


def fitting(pieces: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Return the pieces in the metre of the grid that have at least as many parts."""
    same_metre = (pieces["beats_per_bar"] == grid.beats_per_bar) & ~pieces["metre_changes"]
    return pieces[same_metre & (pieces["parts"] >= grid.parts)]


def from_notes(notes: pd.DataFrame, parts: int, n_steps: int, steps_per_beat: int) -> Roll:
    """Return the notes of a piece as one passage, (1, parts, n_steps).

    A note sounds from the step nearest to its onset, for at least one step. Where two notes of a
    part overlap, the later one cuts off the earlier one.

    Args:
        notes: notes in columns part (from 1), onset_beats, duration_beats, pitch_midi
        parts: number of parts; later parts are left out
        n_steps: length of the passage; later notes are left out
        steps_per_beat: steps in a quarter note
    """
    pitches = np.zeros((1, parts, n_steps), dtype=np.int64)
    onsets = np.zeros_like(pitches, dtype=bool)
    starts = np.rint(notes["onset_beats"].to_numpy() * steps_per_beat).astype(int)
    ends = (notes["onset_beats"] + notes["duration_beats"]).to_numpy() * steps_per_beat
    ends = np.maximum(np.rint(ends).astype(int), starts + 1)
    rows = notes["part"].to_numpy() - 1
    for row, start, end, pitch in sorted(
        zip(rows, starts, ends, notes["pitch_midi"].to_numpy(), strict=True)
    ):
        if 0 <= start < n_steps and 0 <= row < parts:
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
                rows.append((passage, row + 1, *beats, int(pitches[start])))
    types = {
        "passage": "int32",
        "part": "int32",
        "onset_beats": "float64",
        "duration_beats": "float64",
        "pitch_midi": "int32",
    }
    # Without rows, pandas could not infer the types.
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def to_samples(roll: Roll, minor: np.ndarray, steps_per_beat: int) -> pa.Table:
    """Return passages as the table `samples`.

    Args:
        roll: the passages
        minor: whether each is in minor, (passages,)
        steps_per_beat: steps in a quarter note
    """
    notes = to_notes(roll, steps_per_beat)
    notes.insert(1, "minor", minor[notes["passage"]])
    return pa.Table.from_pandas(notes, preserve_index=False)


def from_samples(samples: pd.DataFrame, grid: Grid, n_steps: int) -> tuple[Roll, np.ndarray]:
    """Return the passages in the table `samples`, and whether each is in minor.

    Passages without a note are left out.
    """
    rolls, minor = [], []
    for _, own in samples.groupby("passage"):
        rolls.append(from_notes(own, grid.parts, n_steps, grid.steps_per_beat))
        minor.append(own["minor"].iloc[0])
    pitches, onsets = zip(*rolls, strict=True)
    return Roll(np.concatenate(pitches), np.concatenate(onsets)), np.array(minor)


def ends_on(roll: Roll, tonics: np.ndarray) -> np.ndarray:
    """Return whether the last note of each piece's lowest part is its tonic, (pieces,).

    Args:
        roll: whole pieces
        tonics: pitch class of each tonic, (pieces,)
    """
    bass = roll.pitches[:, -1]  # (pieces, steps)
    sounding = bass != REST
    last = bass.shape[1] - 1 - sounding[:, ::-1].argmax(axis=1)
    pitch = bass[np.arange(len(bass)), last]
    return sounding.any(axis=1) & (pitch % 12 == tonics)


def read_piece(notes: pd.DataFrame, piece: object, grid: Grid) -> Roll:
    """Return a whole piece as one passage of full bars, (1, parts, steps).

    Of more parts than the grid has, the highest ones and the lowest are taken. The last bar is
    filled up with rests.

    Args:
        notes: rows of the table `notes` of the piece
        piece: row of the table `pieces`
        grid: the grid; its number of bars does not matter
    """
    part = notes["part"].where(notes["part"] != piece.parts, grid.parts)
    part = part.mask((part >= grid.parts) & (notes["part"] != piece.parts), 0)
    moved = notes.assign(
        part=part,
        onset_beats=notes["onset_beats"] - piece.pickup_beats,
        pitch_midi=notes["pitch_midi"] + transposition(Key(piece.tonic_pitch_class, piece.mode)),
    )[part > 0]
    end_beats = (moved["onset_beats"] + moved["duration_beats"]).max()
    n_bars = max(0, int(np.ceil(end_beats / grid.beats_per_bar - 1e-6)))
    return from_notes(moved, grid.parts, n_bars * grid.steps_per_bar, grid.steps_per_beat)


def read_passages(notes: pd.DataFrame, pieces: pd.DataFrame, grid: Grid) -> Passages:
    """Return every run of full bars of the pieces that fit the grid.

    Args:
        notes: table `notes`
        pieces: rows of the table `pieces`
        grid: the grid; a passage starts at every bar
    """
    of_piece = dict(list(notes.groupby("piece_id", sort=False)))
    pitches = [np.zeros((0, grid.parts, grid.steps), dtype=np.int64)]
    onsets = [np.zeros((0, grid.parts, grid.steps), dtype=bool)]
    rows = []
    for piece in fitting(pieces, grid).itertuples():
        roll = read_piece(of_piece[piece.piece_id], piece, grid)
        n_steps = roll.pitches.shape[2]
        n_bars = n_steps // grid.steps_per_bar
        last = max(np.flatnonzero(roll.onsets[0, -1]), default=n_steps)
        for bar in range(n_bars - grid.bars + 1):
            span = slice(bar * grid.steps_per_bar, (bar + grid.bars) * grid.steps_per_bar)
            pitches.append(roll.pitches[:, :, span])
            # A note held over from the bar before begins with the passage.
            begins = roll.onsets[:, :, span].copy()
            begins[:, :, 0] |= pitches[-1][:, :, 0] != REST
            onsets.append(begins)
            left = n_bars - grid.bars - bar
            rows.append((piece.piece_id, piece.mode == "minor", bar, left, n_steps - last))
    ids, minor, bar, left, closing = zip(*rows, strict=True) if rows else [[]] * 5
    return Passages(
        Roll(np.concatenate(pitches), np.concatenate(onsets)),
        np.array(ids, dtype=object),
        np.array(minor, dtype=bool),
        np.array(bar, dtype=int),
        np.array(left, dtype=int),
        np.array(closing, dtype=int),
    )
