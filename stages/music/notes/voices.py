"""The voices of a piece: lines of notes of which one sounds at a time."""

import itertools

import numpy as np
from scipy.optimize import linear_sum_assignment

from stages.music.sources.piece import Note

# Notes that begin within so many quarter notes are a chord: people do not play them at once.
_CHORD_BEATS = 0.06
# Two notes of a voice may overlap by this share of the shorter one, as in legato.
_OVERLAP = 0.25
# A track is one voice even if this share of its notes overlap more: a mistake, or a double stop,
# must not continue its melody in another voice.
_OVERLAPPING = 0.05


def number_voices(notes: list[Note]) -> list[int]:
    """Return the number of each note's voice, from 1, the highest voice first; 0 for drums.

    A track (or a channel of a track) in which one note sounds at a time, with few exceptions, is a
    voice. Another track is split into as few voices as it needs, without exceptions. Voices are
    ordered by their mean pitch.

    Args:
        notes: notes of a piece, in any order
    """
    tracks: dict[tuple[int, int], list[int]] = {}
    for index, note in enumerate(notes):
        if not note.is_drum:
            tracks.setdefault((note.track, note.channel), []).append(index)
    voices = [voice for _, track in sorted(tracks.items()) for voice in _split(notes, track)]
    voices.sort(key=lambda voice: -sum(notes[i].pitch_midi for i in voice) / len(voice))
    numbers = [0] * len(notes)
    for number, voice in enumerate(voices, start=1):
        for index in voice:
            numbers[index] = number
    return numbers


def _split(notes: list[Note], track: list[int]) -> list[list[int]]:
    """Return the voices of a track: for each the indices of its notes in order of onset.

    The notes of each chord go to the voices that are free, higher notes to higher voices, so that
    the voices move as little as possible. Where too few are free, the highest note goes to the
    highest one, and other notes begin new voices.
    """
    voices: list[list[int]] = []
    order = sorted(track, key=lambda i: (notes[i].onset_beats, notes[i].pitch_midi, i))
    overlapping = sum(
        not _is_free(notes[i], notes[j].onset_beats, notes[j].duration_beats)
        for i, j in itertools.pairwise(order)
    )
    if overlapping <= _OVERLAPPING * len(order):
        return [order]
    start = 0
    while start < len(order):
        onset, end = notes[order[start]].onset_beats, start + 1
        while end < len(order) and notes[order[end]].onset_beats < onset + _CHORD_BEATS:
            end += 1
        chord = sorted(order[start:end], key=lambda i: -notes[i].pitch_midi)
        shortest = min(notes[i].duration_beats for i in chord)
        free = [voice for voice in voices if _is_free(notes[voice[-1]], onset, shortest)]
        free.sort(key=lambda voice: -notes[voice[-1]].pitch_midi)
        wanted = [notes[i].pitch_midi for i in chord]
        last = [notes[voice[-1]].pitch_midi for voice in free]
        if len(chord) <= len(free):
            pairs = list(enumerate(_nearest(wanted, last)))
        else:
            below = [note + 1 for note in _nearest(last[1:], wanted[1:])]
            pairs = [(note, voice) for voice, note in enumerate([0, *below][: len(free)])]
        taken = {chord[note]: free[voice] for note, voice in pairs}
        for index in chord:
            if index in taken:
                taken[index].append(index)
            else:
                voices.append([index])
        start = end
    return voices


def _is_free(last: Note, onset: float, duration: float) -> bool:
    """Return whether a voice is free for a note, given the last note of the voice."""
    overlap = last.onset_beats + last.duration_beats - onset
    return overlap <= _OVERLAP * min(last.duration_beats, duration)


def _nearest(few: list[int], many: list[int]) -> list[int]:
    """Return an index in `many` for each of `few` such that the pitches are nearest in total.

    Both are in the same order, and so are the chosen ones.
    """
    distances = np.abs(np.subtract.outer(few, many))  # (few, many)
    # Pitches lie on a line, so the chosen ones are as near in order as in any other way.
    return sorted(linear_sum_assignment(distances)[1].tolist())
