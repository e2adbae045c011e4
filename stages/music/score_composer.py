"""Score the composer's passages against held-out real ones and against random notes."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from stages.core.command import Input, command
from stages.core.outputs import Output
from stages.core.params import Params
from stages.metrics.score_composer import ScoreComposerMetrics
from stages.music.composer.networks import Shape
from stages.music.composer.weights import read_composer
from stages.music.contracts import PARTS
from stages.music.notes.pianoroll import REST, Roll, from_notes, read_passages, to_notes

C_MAJOR = [0, 2, 4, 5, 7, 9, 11]
# Unison, thirds, fifth, sixths and their compounds, as in species counterpoint.
CONSONANT = [0, 3, 4, 7, 8, 9]


class ScoreComposerParams(Params):
    """The section `music.score_composer`."""

    seed: int


def pitch_class_histogram(notes: pd.DataFrame) -> np.ndarray:
    """Return the share of notes in each of the 12 pitch classes."""
    counts = np.bincount(notes["pitch_midi"].to_numpy() % 12, minlength=12)
    return counts / max(1, counts.sum())


def in_key_share(notes: pd.DataFrame) -> float:
    """Return the share of notes in the scale of C major, to which all music is transposed."""
    return float(notes["pitch_midi"].mod(12).isin(C_MAJOR).mean()) if len(notes) else 0.0


def empty_bar_share(roll: Roll, steps_per_bar: int) -> float:
    """Return the share of bars of one part in which it rests (Dong et al. 2018, section 6.2)."""
    n, parts, _ = roll.pitches.shape
    bars = roll.pitches.reshape(n, parts, -1, steps_per_bar)
    return float((bars == REST).all(axis=3).mean())


def consonance(roll: Roll) -> float:
    """Return the share of consonant intervals among all pairs of parts that sound together."""
    consonant = total = 0
    for low in range(len(PARTS)):
        for high in range(low):
            a, b = roll.pitches[:, low], roll.pitches[:, high]
            intervals = np.abs(a - b)[(a != REST) & (b != REST)] % 12
            consonant += np.isin(intervals, CONSONANT).sum()
            total += intervals.size
    return float(consonant / total) if total else 0.0


def polyphony(roll: Roll) -> float:
    """Return the mean number of different pitches that sound, over steps where one does."""
    ordered = np.sort(roll.pitches, axis=1)  # (passages, parts, steps)
    different = np.diff(ordered, axis=1, prepend=REST) != 0
    sounding = different.sum(axis=1)
    return float(sounding[sounding > 0].mean()) if sounding.any() else 0.0


def notes_per_bar(roll: Roll, steps_per_bar: int) -> float:
    """Return the mean number of notes that begin in a bar, all parts together."""
    return float(roll.onsets.sum() * steps_per_bar / (roll.onsets.shape[0] * roll.onsets.shape[2]))


def random_passages(like: Roll, n: int, shape: Shape, seed: int) -> Roll:
    """Return `n` passages of random notes, with the numbers of notes of passages in `like`.

    Part, onset, duration (up to a bar) and pitch (within the range of the part) are uniform.
    """
    draw = np.random.default_rng(seed)
    counts = like.onsets.sum(axis=(1, 2))
    passages = []
    for count in draw.choice(counts, n):
        part = draw.integers(0, len(PARTS), count)
        notes = pd.DataFrame(
            {
                "part": np.array(PARTS)[part],
                "onset_beats": draw.integers(0, shape.steps, count) / shape.steps_per_beat,
                "duration_beats": draw.integers(
                    1, shape.beats_per_bar * shape.steps_per_beat, count, endpoint=True
                )
                / shape.steps_per_beat,
                "pitch_midi": draw.integers(
                    np.array(shape.lowest)[part], np.array(shape.highest)[part], endpoint=True
                ),
            }
        )
        passages.append(from_notes(notes, shape.steps, shape.steps_per_beat))
    return Roll(*(np.concatenate(arrays) for arrays in zip(*passages, strict=True)))


def score(roll: Roll, shape: Shape, reference: np.ndarray) -> dict[str, float]:
    """Return every score of passages; `reference` is the pitch-class histogram of real ones.

    The distance of histograms is half the sum of absolute differences (total variation).
    """
    notes = to_notes(roll, shape.steps_per_beat)
    steps_per_bar = shape.beats_per_bar * shape.steps_per_beat
    distance = np.abs(pitch_class_histogram(notes) - reference).sum() / 2
    return {
        "pitch_class_distance": float(distance),
        "in_key_share": in_key_share(notes),
        "empty_bar_share": empty_bar_share(roll, steps_per_bar),
        "consonance": consonance(roll),
        "polyphony": polyphony(roll),
        "notes_per_bar": notes_per_bar(roll, steps_per_bar),
    }


def bars_of(roll: Roll, steps_per_bar: int) -> list[bytes]:
    """Return every bar of the passages as bytes, equal for equal pitches."""
    n, parts, steps = roll.pitches.shape
    bars = roll.pitches.reshape(n, parts, steps // steps_per_bar, steps_per_bar)
    return [bar.tobytes() for bar in bars.transpose(0, 2, 1, 3).reshape(-1, parts * steps_per_bar)]


def compare(values: dict[str, dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Return the scores of real, composed and random passages, and which of two is nearer to real.

    `nearer` is `composer`, `random` or `tie`.
    """
    table: dict[str, dict[str, Any]] = {}
    for name, real in values["real"].items():
        row = {kind: values[kind][name] for kind in ("real", "composer", "random")}
        composer, random = abs(row["composer"] - real), abs(row["random"] - real)
        nearer = "tie" if composer == random else "composer" if composer < random else "random"
        table[name] = {**row, "nearer": nearer}
    return table


@command
def main(
    *,
    params: ScoreComposerParams,
    notes: Input,
    pieces: Input,
    composer: Input,
    samples: Input,
    metrics: Output,
) -> None:
    """Score the composer's passages against held-out real ones and against random notes."""
    shape = read_composer(composer).shape
    note_rows, piece_rows = pq.read_table(notes).to_pandas(), pq.read_table(pieces).to_pandas()
    grid = (shape.bars, shape.beats_per_bar, shape.steps_per_beat)
    train, test = (
        read_passages(note_rows, piece_rows[piece_rows["split"] == split], *grid)
        for split in ("train", "test")
    )
    drawn = pq.read_table(samples).to_pandas()
    by_passage = [
        from_notes(own, shape.steps, shape.steps_per_beat) for _, own in drawn.groupby("passage")
    ]
    composed = Roll(*(np.concatenate(arrays) for arrays in zip(*by_passage, strict=True)))
    random = random_passages(train, len(composed.pitches), shape, params.seed)

    # Half of the held-out music is the reference: real music has a distance from it, too.
    half = len(test.pitches) // 2
    reference = pitch_class_histogram(
        to_notes(Roll(test.pitches[:half], test.onsets[:half]), shape.steps_per_beat)
    )
    real = Roll(test.pitches[half:], test.onsets[half:])
    rolls = {"real": real, "composer": composed, "random": random}
    values = {kind: score(roll, shape, reference) for kind, roll in rolls.items()}
    steps_per_bar = shape.beats_per_bar * shape.steps_per_beat
    composed_bars = bars_of(composed, steps_per_bar)
    train_bars = set(bars_of(train, steps_per_bar))
    metrics.write_json(
        ScoreComposerMetrics(
            scores=compare(values),
            passages={kind: len(roll.pitches) for kind, roll in rolls.items()},
            distinct_bars=len(set(composed_bars)) / len(composed_bars),
            bars_seen_in_training=float(np.mean([b in train_bars for b in composed_bars])),
        )
    )
