"""Score the composer's music against held-out real music and against simple methods."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from pydantic import Field

from stages.core import bootstrap
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output
from stages.core.params import Params
from stages.core.products import use_openblas
from stages.metrics.score_composer import BASELINES, ScoreComposerMetrics
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
from stages.music.scores.distributions import kullback_leibler, overlap_area
from stages.music.scores.features import features
from stages.music.scores.frechet import frechet_distance, train_judge


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


def compare(
    values: Mapping[str, np.ndarray], pieces: np.ndarray, samples: int, seed: int
) -> dict[str, Any]:
    """Return a score, the mean of a feature, of real music, the composer and the baselines.

    Args:
        values: the feature of each passage by kind: `real`, `composer` and the baselines
        pieces: piece of each real passage, because passages of a piece are not independent
        samples: number of bootstrap samples
        seed: seed of the bootstrap
    """
    own = pd.Series(values["real"]).groupby(pieces).agg(["sum", "count"]).to_numpy(dtype=float)
    sums, counts = own[bootstrap.resample(len(own), samples, seed)].sum(axis=1).T
    drawn = {"real": sums / counts} | {
        kind: feature[bootstrap.resample(len(feature), samples, seed)].mean(axis=1)
        for kind, feature in values.items()
        if kind != "real"
    }
    away = {kind: np.abs(drawn[kind] - drawn["real"]) for kind in values}
    return {
        **{kind: float(feature.mean()) for kind, feature in values.items()},
        "composer_interval": bootstrap.interval(drawn["composer"]),
        "nearer": {
            kind: _nearer(*bootstrap.interval(away[kind] - away["composer"])) for kind in BASELINES
        },
    }


def _nearer(low: float, high: float) -> str:
    """Return which of two is nearer, given the interval of how much farther the baseline is."""
    return "composer" if low > 0 else "baseline" if high < 0 else "tie"


def compare_sets(values: Mapping[str, float], best: float) -> dict[str, Any]:
    """Return a score of whole sets, whose `best` value real music itself need not reach."""
    away = {kind: abs(value - best) for kind, value in values.items()}
    nearer = {kind: _nearer(*[away[kind] - away["composer"]] * 2) for kind in BASELINES}
    return {**values, "nearer": nearer}


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
        return {
            "markov_parts": baselines.markov_parts(train.roll, n, steps, params.seed),
            "markov_chords": baselines.markov_chords(train.roll, n, steps, params.seed),
            "random": baselines.random_notes(train.roll, n, steps, grid.steps_per_bar, params.seed),
        }

    passages = {"composer": composed, **simple(len(composed.pitches), grid.steps)}
    described = {kind: features(roll, grid) for kind, roll in passages.items()}
    of_test = features(test.roll, grid)
    resampling = params.bootstrap_samples, params.seed
    scores = {
        name: compare(
            {"real": real, **{kind: own[name] for kind, own in described.items()}},
            test.piece_ids,
            *resampling,
        )
        for name, real in of_test.items()
    }
    tonics = tonics_of(minor)
    ends = {kind: ends_on(roll, tonics) for kind, roll in simple(len(minor), piece_steps).items()}
    real_ends = real_cadences(note_rows, piece_rows[piece_rows["split"] == "test"], grid)
    scores["ends_on_tonic"] = compare(
        {"real": real_ends, "composer": ends_on(whole, tonics), **ends},
        np.arange(len(real_ends)),
        *resampling,
    )
    # Real music has a distance from real music, too: from half of the test pieces.
    reference, other = halves(test)
    half = {name: own[reference] for name, own in of_test.items()}
    sets = {"real": {name: own[other] for name, own in of_test.items()}, **described}
    vary = [name for name, own in half.items() if np.ptp(own) > 0]
    overlap, divergence = (
        {
            name: compare_sets(
                {kind: measure(half[name], own[name]) for kind, own in sets.items()}, best
            )
            for name in vary
        }
        for measure, best in ((overlap_area, 1.0), (kullback_leibler, 0.0))
    )
    for name, rows, best in (("overlap", overlap, 1.0), ("divergence", divergence, 0.0)):
        means = {kind: float(np.mean([row[kind] for row in rows.values()])) for kind in sets}
        scores[f"mean_{name}"] = compare_sets(means, best)
    judge = train_judge(train.roll, shape, params.seed)
    judged = judge(test.roll)
    seen = {kind: judge(roll) for kind, roll in passages.items()} | {"real": judged[other]}
    scores["frechet_distance"] = compare_sets(
        {kind: frechet_distance(judged[reference], own) for kind, own in seen.items()}, 0.0
    )
    given, _ = from_samples(harmonized, grid, grid.steps)
    metrics.write_json(
        ScoreComposerMetrics(
            passages={"real": len(test.minor), **{k: len(r.pitches) for k, r in passages.items()}},
            bars=grid.bars,
            pieces=len(minor),
            piece_bars=piece_bars,
            scores=scores,
            overlap=overlap,
            divergence=divergence,
            novelty={
                kind: {
                    "bars_seen": novelty.seen_share(roll, train.roll, grid.steps_per_bar),
                    "passages_seen": novelty.seen_share(roll, train.roll, grid.steps),
                    "longest_run": novelty.longest_run(roll, train.roll),
                    "distinct_bars": novelty.distinct_share(roll, grid),
                }
                for kind, roll in {"real": test.roll, **passages}.items()
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
