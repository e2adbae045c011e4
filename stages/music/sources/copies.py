"""Copies of a piece, and pieces with the same melody, in any key and tempo."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stages.music.sources.piece import Note

# Pieces share a melody if so many changes of pitch in a row are the same. With 8, almost all
# chorales would be linked by common turns; with 24, a third of the shared melodies would be missed.
_CHANGES = 16
# A figure of up to so many changes that is repeated is a scale, a trill or a broken chord.
_LONGEST_FIGURE = 8
# Onsets of copies differ by less than this share of the mean time from note to note.
_TOLERANCE = 0.2
_WEIGHTS = np.uint64(0x9E3779B97F4A7C15) ** np.arange(1, _CHANGES + 1, dtype=np.uint64)


class Outline(NamedTuple):
    """What copies of a piece have in common.

    Attributes:
        pitches: semitones above the lowest note in ascending order, a byte for each note
        onsets: onset of each of these notes from 0, the first, to 1, the last, (notes,)
    """

    pitches: bytes
    onsets: np.ndarray


def outline(notes: list[Note]) -> Outline:
    """Return the outline of a piece that has a note with a pitch; drums are left out."""
    pitched = [note for note in notes if not note.is_drum]
    pitches = np.array([note.pitch_midi for note in pitched])
    onsets = np.array([note.onset_beats for note in pitched])
    onsets = (onsets - onsets.min()) / (np.ptp(onsets) or 1)
    order = np.lexsort((onsets, pitches))
    return Outline((pitches[order] - pitches.min()).astype(np.uint8).tobytes(), onsets[order])


def is_copy(one: Outline, other: Outline) -> bool:
    """Return whether two pieces have the same notes, apart from key, tempo and lengths of notes."""
    if one.pitches != other.pitches:
        return False
    return bool(np.abs(one.onsets - other.onsets).max() < _TOLERANCE / len(one.onsets))


def melody_codes(notes: list[Note], parts: list[int]) -> np.ndarray:
    """Return a number for each run of 16 changes of pitch in the melody of a piece, (runs,).

    The melody is the highest voice that changes its pitch so often, or else the one that changes
    it most often, which has a single run. Repeated pitches and runs that repeat a short figure,
    which many pieces have, do not count.

    Args:
        notes: notes of a piece in order of onset
        parts: number of the voice of each note, from 1, the highest first; 0 for drums
    """
    voices: dict[int, list[int]] = {}
    for note, part in zip(notes, parts, strict=True):
        voices.setdefault(part, []).append(note.pitch_midi)
    voices.pop(0, None)
    melody = np.zeros(0, dtype=np.int64)
    for _, pitches in sorted(voices.items()):
        changes = np.diff(pitches)
        changes = changes[changes != 0]
        if len(changes) > len(melody):
            melody = changes
        if len(melody) >= _CHANGES:
            break
    if len(melody) == 0:
        return np.zeros(0, dtype=np.uint64)
    if len(melody) < _CHANGES:
        runs = np.pad(melody, (0, _CHANGES - len(melody)))[None]
    else:
        runs = np.lib.stride_tricks.sliding_window_view(melody, _CHANGES)
        for length in range(1, _LONGEST_FIGURE + 1):
            runs = runs[(runs[:, length:] != runs[:, :-length]).any(axis=1)]
    # A polynomial modulo 2 to the power of 64.
    return np.unique((runs.astype(np.int64).view(np.uint64) * _WEIGHTS).sum(axis=1))


def group_by_melody(codes: list[np.ndarray]) -> list[int]:
    """Return the group of each piece: pieces that share a code are in the same group.

    Args:
        codes: codes of each piece, from `melody_codes`
    """
    _, columns = np.unique(np.concatenate(codes), return_inverse=True)
    rows = np.repeat(np.arange(len(codes)), list(map(len, codes)))
    size = len(codes) + len(columns)
    edges = coo_array((np.ones(len(rows)), (rows, len(codes) + columns)), (size, size))
    return connected_components(edges, directed=False)[1][: len(codes)].tolist()
