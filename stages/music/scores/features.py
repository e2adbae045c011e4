"""Numbers that describe a passage, most of them as MuseGAN reports them.

Dong et al. 2018 (arXiv:1709.06298, section 6.2) define empty bars, pitch classes, qualified notes
and tonal distance. All music is transposed to C major or A minor.
"""

import itertools

import numpy as np

from stages.music.notes.pianoroll import REST, Grid, Roll

C_MAJOR = (0, 2, 4, 5, 7, 9, 11)  # and A minor
# Unison, thirds, fifth, sixths and their compounds, as in species counterpoint.
CONSONANT = (0, 3, 4, 7, 8, 9)
PERFECT = (0, 7)
# Radii of the circles of fifths, of minor and of major thirds (Harte, Sandler and Gasser 2006,
# "Detecting Harmonic Change in Musical Audio", equation 2), and how far a semitone turns each.
_CIRCLES = ((1.0, 7 / 6), (1.0, 3 / 2), (0.5, 2 / 3))


def features(roll: Roll, grid: Grid) -> dict[str, np.ndarray]:
    """Return numbers that describe each passage, by name, each (passages,).

    Qualified notes last two steps or more; MuseGAN counts three of its shorter steps. Parallels
    are the share of simultaneous moves of two parts that keep a fifth or an octave. Features that
    compare parts are left out if there is one part.

    Args:
        roll: passages of whole bars
        grid: the grid of the roll; its number of bars does not matter
    """
    pitches, onsets = roll
    n, parts, steps = pitches.shape
    bars = pitches.reshape(n, parts, -1, grid.steps_per_bar)  # (passages, parts, bars, steps)
    sounds = pitches != REST
    lengths, starts = note_lengths(roll), np.maximum(onsets.sum((1, 2)), 1)
    two_steps = ((lengths >= 2) & onsets).sum((1, 2))
    lowest = np.where(sounds, pitches, 128).min(2)
    span = np.maximum(pitches.max(2) - lowest, 0)  # (passages, parts); 0 for a silent part
    classes = _pitch_classes(bars)
    on_beat = np.arange(steps) % grid.steps_per_bar % grid.steps_per_beat == 0  # (steps,)
    own = {
        "empty_bars": (bars == REST).all(3).mean((1, 2)),
        "pitch_classes_per_bar": classes.sum(3).mean((1, 2)),
        "notes_per_bar": onsets.sum((1, 2)) / bars.shape[2],
        "note_length_beats": lengths.sum((1, 2)) / starts / grid.steps_per_beat,
        "qualified_notes": two_steps / starts,
        "on_beat": (onsets & on_beat).sum((1, 2)) / starts,
        "in_key": (np.isin(pitches % 12, C_MAJOR) & sounds).sum((1, 2))
        / np.maximum(sounds.sum((1, 2)), 1),
        "range_semitones": span.mean(1),
    }
    return own | (_between_parts(pitches, grid) if parts > 1 else {})


def note_lengths(roll: Roll) -> np.ndarray:
    """Return the steps of each note at the step where it begins, elsewhere 0."""
    lengths = np.zeros(roll.pitches.shape, dtype=int)
    run = np.zeros(roll.pitches.shape[:2], dtype=int)  # steps for which the note is held on
    for step in reversed(range(roll.pitches.shape[2])):
        lengths[:, :, step] = np.where(roll.onsets[:, :, step], run + 1, 0)
        held = (roll.pitches[:, :, step] != REST) & ~roll.onsets[:, :, step]
        run = np.where(held, run + 1, 0)
    return lengths


def _pitch_classes(spans: np.ndarray) -> np.ndarray:
    """Return which pitch classes sound in spans of steps, (..., steps) to (..., 12)."""
    own = np.where(spans == REST, 12, spans % 12)
    return np.stack([(own == number).any(-1) for number in range(12)], axis=-1)


def _between_parts(pitches: np.ndarray, grid: Grid) -> dict[str, np.ndarray]:
    parts = pitches.shape[1]
    ordered = np.sort(pitches, axis=1)
    different = (np.diff(ordered, axis=1, prepend=REST) != 0).sum(1)  # (passages, steps)
    pairs = [(pitches[:, a], pitches[:, b]) for a, b in itertools.combinations(range(parts), 2)]
    together = np.stack([(a != REST) & (b != REST) for a, b in pairs])  # (pairs, passages, steps)
    consonant = np.stack([np.isin(np.abs(a - b) % 12, CONSONANT) for a, b in pairs])
    crossed = np.stack([pitches[:, i] < pitches[:, i + 1] for i in range(parts - 1)])
    beside = np.stack(
        [(pitches[:, i] != REST) & (pitches[:, i + 1] != REST) for i in range(parts - 1)]
    )
    moves, parallel = zip(*(_parallels(a, b) for a, b in pairs), strict=True)
    return {
        "polyphony": different.sum(1) / np.maximum((different > 0).sum(1), 1),
        "tonal_distance": _tonal_distance(pitches, grid),
        "consonance": (consonant & together).sum((0, 2)) / np.maximum(together.sum((0, 2)), 1),
        "parallels": sum(parallel) / np.maximum(sum(moves), 1),
        "crossings": (crossed & beside).sum((0, 2)) / np.maximum(beside.sum((0, 2)), 1),
    }


def _parallels(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how often two parts move at once, and how often in parallel fifths or octaves.

    Args:
        one: pitches of a part, (passages, steps)
        other: those of another one, which may cross it

    Returns:
        Two counts, each (passages,)
    """
    sounds = (one != REST) & (other != REST)
    moves = (np.diff(one) != 0) & (np.diff(other) != 0) & sounds[:, 1:] & sounds[:, :-1]
    # From the lower pitch upwards: downwards, a fifth would be a fourth.
    interval = np.abs(one - other) % 12
    kept = (interval[:, 1:] == interval[:, :-1]) & np.isin(interval[:, 1:], PERFECT)
    same_way = np.sign(np.diff(one)) == np.sign(np.diff(other))
    return moves.sum(1), (moves & kept & same_way).sum(1)


def _tonal_distance(pitches: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the mean distance of the tonal centroids of two parts in a beat, (passages,)."""
    n, parts, steps = pitches.shape
    width = grid.steps_per_beat if steps % grid.steps_per_beat == 0 else grid.steps_per_bar
    beats = pitches.reshape(n, parts, -1, width)
    own = np.where(beats == REST, 12, beats % 12)
    chroma = np.stack([(own == number).sum(-1) for number in range(12)], axis=-1).astype(float)
    total = chroma.sum(-1, keepdims=True)  # (passages, parts, beats, 1)
    angles = [np.pi * turn * np.arange(12) for _, turn in _CIRCLES]
    radii = [radius for radius, _ in _CIRCLES]
    basis = np.concatenate(
        [
            [radius * np.sin(angle), radius * np.cos(angle)]
            for radius, angle in zip(radii, angles, strict=True)
        ]
    )  # (6, 12)
    centroids = chroma / np.maximum(total, 1) @ basis.T  # (passages, parts, beats, 6)
    sums, counts = np.zeros(n), np.zeros(n)
    for a, b in itertools.combinations(range(parts), 2):
        sound = (total[:, a, :, 0] > 0) & (total[:, b, :, 0] > 0)
        distance = np.linalg.norm(centroids[:, a] - centroids[:, b], axis=2)
        sums += (distance * sound).sum(1)
        counts += sound.sum(1)
    return sums / np.maximum(counts, 1)
