"""How much of some passages occurs in the training music."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from stages.music.notes.pianoroll import Grid, Roll
from stages.music.scores.features import note_lengths


def describe(roll: Roll, training: Roll, grid: Grid) -> dict[str, Any]:
    """Return the numbers of this module of passages of the length of the grid, by name."""
    return {
        "bars_seen": seen_share(roll, training, grid.steps_per_bar),
        "passages_seen": seen_share(roll, training, grid.steps),
        "longest_run": longest_run(roll, training),
        "distinct_bars": distinct_share(roll, grid),
    }


def spans(roll: Roll, steps: int) -> list[bytes]:
    """Return every span of some steps, aligned with it, as bytes that are equal for equal notes."""
    choices = roll.pitches * 2 + roll.onsets  # (passages, parts, steps)
    n, parts, _ = choices.shape
    split = choices.reshape(n, parts, -1, steps).transpose(0, 2, 1, 3)
    return [span.tobytes() for span in split.reshape(-1, parts, steps)]


def seen_share(roll: Roll, training: Roll, steps: int) -> float:
    """Return the share of spans of some steps, all parts together, that the training contains."""
    known = set(spans(training, steps))
    return float(np.mean([span in known for span in spans(roll, steps)]))


def distinct_share(roll: Roll, grid: Grid) -> float:
    """Return the share of different bars among all bars."""
    bars = spans(roll, grid.steps_per_bar)
    return len(set(bars)) / len(bars)


def longest_run(roll: Roll, training: Roll) -> int:
    """Return the most successive notes of a part that the same part plays in the training.

    Notes are equal if pitch and length are.
    """
    low, high = 0, roll.pitches.shape[2]
    while low < high:  # if no run of some length occurs, no longer one does
        middle = (low + high + 1) // 2
        if set(_runs(roll, middle)) & set(_runs(training, middle)):
            low = middle
        else:
            high = middle - 1
    return low


def _runs(roll: Roll, length: int) -> Iterator[tuple[int, ...]]:
    """Yield every run of some notes of a part: the part, then pitch and length of each."""
    lengths = note_lengths(roll)
    coded = roll.pitches * (lengths.shape[2] + 1) + lengths
    for passage, part in np.ndindex(coded.shape[:2]):
        notes = coded[passage, part][roll.onsets[passage, part]].tolist()
        yield from _windows(part, notes, length)


def _windows(part: int, notes: list[int], length: int) -> Iterable[tuple[int, ...]]:
    return ((part, *notes[i : i + length]) for i in range(len(notes) - length + 1))
