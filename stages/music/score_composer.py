"""Score the composer's music against held-out real music and against simple methods."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from pydantic import Field

from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output
from stages.core.params import Params
from stages.core.products import use_openblas
from stages.metrics.score_composer import ScoreComposerMetrics
from stages.music.composer.weights import read_shape
from stages.music.notes.keys import tonics_of
from stages.music.notes.pianoroll import (
    Grid,
    Passages,
    Roll,
    ends_on,
    fitting,
    from_samples,
    read_passages,
    read_piece,
)
from stages.music.scores import baselines, novelty
from stages.music.scores.comparison import compare, compare_means, resample
from stages.music.scores.distributions import densities, kullback_leibler, overlap_area
from stages.music.scores.features import features
from stages.music.scores.frechet import frechet_distance
from stages.music.scores.judge import train_judge


class ScoreComposerParams(Params):
    """The section `music.score_composer`."""

    bootstrap_samples: int = Field(ge=1)
    seed: int


def halves(passages: Passages) -> tuple[np.ndarray, np.ndarray]:
    """Return which passages belong to each half of their pieces; a single piece is cut in two."""
    ids = pd.unique(passages.piece_ids)
    if len(ids) > 1:
        first = np.isin(passages.piece_ids, ids[::2])
    else:
        first = np.arange(len(passages.piece_ids)) * 2 < len(passages.piece_ids)
    return first, ~first


def real_cadences(notes: pd.DataFrame, pieces: pd.DataFrame, grid: Grid) -> np.ndarray:
    """Return whether each piece that fits the grid ends on the tonic, (pieces,)."""
    of_piece = dict(list(notes.groupby("piece_id", sort=False)))
    return np.array(
        [
            ends_on(
                read_piece(of_piece[piece.piece_id], piece, grid),
                tonics_of(np.array([piece.mode == "minor"])),
            )[0]
            for piece in fitting(pieces, grid).itertuples()
        ]
    )


def compare_distributions(
    reference: Mapping[str, np.ndarray],
    others: Mapping[str, Mapping[str, np.ndarray]],
    reference_counts: np.ndarray,
    counts: Mapping[str, np.ndarray],
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Compare the distributions of features by `overlap` and `divergence`.

    A feature that is the same for all real passages has no distribution to compare.

    Args:
        reference: features of real passages, each (passages,)
        others: the same features of other real ones, the composer and the baselines, by kind
        reference_counts: how often each passage occurs in each sample, (1 + samples, passages)
        counts: those of the others, by kind

    Returns:
        The comparisons by measure and feature; and those of the means over the features, as scores
    """
    scores: dict[str, dict[str, Any]] = {"overlap": {}, "divergence": {}}
    for name, real in reference.items():
        if np.ptp(real) > 0:
            pairs = {
                kind: densities(real, own[name], reference_counts, counts[kind])
                for kind, own in others.items()
            }
            for measure, of in (("overlap", overlap_area), ("divergence", kullback_leibler)):
                scores[measure][name] = {kind: of(*pair) for kind, pair in pairs.items()}
    of_features, means = {}, {}
    for measure, best in (("overlap", 1.0), ("divergence", 0.0)):
        rows = scores[measure]
        of_features[measure] = {name: compare(row, best) for name, row in rows.items()}
        mean = {kind: np.mean([row[kind] for row in rows.values()], axis=0) for kind in others}
        means[f"mean_{measure}"] = compare(mean, best)
    return of_features, means


def mean_harmony(composed: Mapping[str, np.ndarray], harmonized: Mapping[str, np.ndarray]) -> Any:
    """Return the means of all features of composed and of harmonized passages."""
    return {
        name: {"composer": float(own.mean()), "harmonized": float(harmonized[name].mean())}
        for name, own in composed.items()
    }


@command
def main(
    *,
    params: ScoreComposerParams,
    notes: Input,
    pieces: Input,
    composer: Input,
    samples: Input,
    compositions: Input,
    harmonizations: Input,
    metrics: Output,
) -> None:
    """Score the composer's music against held-out real music and against simple methods."""
    use_openblas()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    shape = read_shape(composer)
    grid = shape.grid
    note_rows, piece_rows = pq.read_table(notes).to_pandas(), pq.read_table(pieces).to_pandas()
    train, test = (
        read_passages(note_rows, piece_rows[piece_rows["split"] == split], grid)
        for split in ("train", "test")
    )
    if len(test.minor) < 4:
        raise StageError(
            f"{pieces} has {len(test.minor)} test passages of {grid.bars} bars of "
            f"{grid.beats_per_bar:g} quarter notes in {grid.parts} parts, too few to score "
            "against: collect more music or raise music.collect_notes.test_share"
        )
    drawn, wholes, harmonized = (
        pq.read_table(table).to_pandas() for table in (samples, compositions, harmonizations)
    )
    composed, _ = from_samples(drawn, grid, grid.steps)
    piece_bars = int(np.ceil((wholes["onset_beats"].max() + 0.001) / grid.beats_per_bar))
    piece_steps = piece_bars * grid.steps_per_bar
    whole, minor = from_samples(wholes, grid, piece_steps)

    def simple(n: int, steps: int) -> dict[str, Roll]:
        return baselines.write(train.roll, n, steps, grid.steps_per_bar, params.seed)

    passages = {
        "real": test.roll, "composer": composed, **simple(len(composed.pitches), grid.steps)
    }  # fmt: skip
    described = {kind: features(roll, grid) for kind, roll in passages.items()}
    sampled = partial(resample, samples=params.bootstrap_samples, seed=params.seed)
    counts = {kind: sampled(np.arange(len(roll.pitches))) for kind, roll in passages.items()}
    counts["real"] = sampled(test.piece_ids)
    scores = {
        name: compare_means({kind: own[name] for kind, own in described.items()}, counts)
        for name in described["real"]
    }
    tonics = tonics_of(minor)
    wholes_by_kind = {"composer": whole, **simple(len(minor), piece_steps)}
    ends = {kind: ends_on(roll, tonics) for kind, roll in wholes_by_kind.items()}
    ends["real"] = real_cadences(note_rows, piece_rows[piece_rows["split"] == "test"], grid)
    scores["ends_on_tonic"] = compare_means(
        ends, {kind: sampled(np.arange(len(own))) for kind, own in ends.items()}
    )
    # Real music has a distance from real music, too: from half of the test pieces.
    reference, other = halves(test)
    reference_counts = sampled(test.piece_ids[reference])
    counts["real"] = sampled(test.piece_ids[other])
    real = described["real"]
    distributions, means = compare_distributions(
        {name: own[reference] for name, own in real.items()},
        {**described, "real": {name: own[other] for name, own in real.items()}},
        reference_counts,
        counts,
    )
    judge = train_judge(train.roll, shape, params.seed)
    judged = {kind: judge(roll) for kind, roll in passages.items()}
    judged_reference, judged["real"] = judged["real"][reference], judged["real"][other]
    frechet = {
        kind: frechet_distance(judged_reference, own, reference_counts, counts[kind])
        for kind, own in judged.items()
    }
    scores |= {**means, "frechet_distance": compare(frechet, 0.0)}
    given, _ = from_samples(harmonized, grid, grid.steps)
    metrics.write_json(
        ScoreComposerMetrics(
            passages={kind: len(roll.pitches) for kind, roll in passages.items()},
            bars=grid.bars,
            pieces=len(minor),
            piece_bars=piece_bars,
            scores=scores,
            **distributions,
            novelty={
                kind: novelty.describe(roll, train.roll, grid) for kind, roll in passages.items()
            },
            harmonized=mean_harmony(described["composer"], features(given, grid)),
            melodies_returned=_returned(given, test.roll) if grid.parts > 1 else None,
        )
    )


def _returned(given: Roll, real: Roll) -> float:
    """Return the share of passages whose highest part is the real one, note for note."""
    if len(given.pitches) != len(real.pitches):
        return 0.0
    same = (given.pitches[:, 0] == real.pitches[:, 0]) & (given.onsets[:, 0] == real.onsets[:, 0])
    return float(same.all(axis=1).mean())
