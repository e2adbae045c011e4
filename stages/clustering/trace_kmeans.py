"""Trace k-means step by step on the plane, and compare where it ends from several starts."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field
from sklearn.cluster import kmeans_plusplus

from stages.clustering.contracts import (
    KMEANS_STARTS,
    KMEANS_STEP_CENTRES,
    KMEANS_STEP_POINTS,
    KMEANS_STEPS,
)
from stages.clustering.points import sample
from stages.core.bootstrap import interval, resample
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.metrics.trace_kmeans import StartMetrics, TraceKmeansMetrics

# Two runs end at the same objective if theirs differ by no more than this share.
SAME_OBJECTIVE = 0.000001


class TraceKmeansParams(Params):
    """The section `clustering.trace_kmeans`."""

    points: int = Field(ge=3)
    clusters: int = Field(ge=2)
    starts: int = Field(ge=1)
    bootstrap_samples: int = Field(ge=1)
    seed: int


class Step(NamedTuple):
    """An expectation step and the maximization step after it.

    Attributes:
        clusters: cluster of each point after the expectation, (points,).
        expected: objective after the expectation.
        centres: centres after the maximization, (clusters, 2).
        maximized: objective after the maximization.
    """

    clusters: np.ndarray
    expected: float
    centres: np.ndarray
    maximized: float


def expectation(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the nearest centre of each point, the first of several, (points,).

    This is the expectation step of a mixture of equal round Gaussians whose variance goes to 0.
    """
    distances = ((points[:, None] - centres[None]) ** 2).sum(axis=2)  # (points, clusters)
    return np.argmin(distances, axis=1)


def maximization(points: np.ndarray, clusters: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the mean of the points of a cluster, or its centre if it has none, (clusters, 2)."""
    moved = centres.copy()
    for cluster in range(len(centres)):
        own = points[clusters == cluster]
        if len(own):
            moved[cluster] = own.mean(axis=0)
    return moved


def objective(points: np.ndarray, clusters: np.ndarray, centres: np.ndarray) -> float:
    """Return the sum of the squared distances of the points to the centres of their clusters."""
    return float(((points - centres[clusters]) ** 2).sum())


def kmeans(points: np.ndarray, centres: np.ndarray) -> list[Step]:
    """Return the steps of k-means (Lloyd 1982) until no expectation lowers the objective.

    Args:
        points: positions, (points, 2).
        centres: centres at the start, (clusters, 2).
    """
    steps: list[Step] = []
    while True:
        clusters = expectation(points, centres)
        expected = objective(points, clusters, centres)
        if steps and expected >= steps[-1].maximized:
            return steps
        centres = maximization(points, clusters, centres)
        steps.append(Step(clusters, expected, centres, objective(points, clusters, centres)))


def random_start(points: np.ndarray, clusters: int, seed: list[int]) -> np.ndarray:
    """Return different points, drawn at random, as centres, (clusters, 2)."""
    distinct = np.unique(points, axis=0)
    rows = np.random.default_rng(seed).choice(len(distinct), clusters, replace=False)
    return distinct[rows]


def start_metrics(runs: list[list[Step]], lowest: float) -> StartMetrics:
    """Return where runs end.

    Args:
        runs: the steps of each run.
        lowest: lowest final objective of all runs, also of others.
    """
    ends = np.array([steps[-1].maximized for steps in runs])
    return StartMetrics(
        runs=len(runs),
        lowest=ends.min(),
        median=np.median(ends),
        highest=ends.max(),
        reached_lowest=int((ends <= lowest * (1 + SAME_OBJECTIVE)).sum()),
        mean_steps=np.mean([len(steps) for steps in runs]),
    )


def read_plane(path: Path, params: TraceKmeansParams) -> tuple[list[str], np.ndarray]:
    """Return names and positions, (points, 2), of a sample of the points projected by PCA.

    Raises:
        StageError: PCA was left out, or the points are too few or too equal.
    """
    rows = pq.read_table(path, filters=[("method", "==", "pca")])
    if not len(rows):
        raise StageError(
            f"{path} has no points by PCA: add the section clustering.project.methods.pca"
        )
    rows = rows.take(sample(len(rows), params.points, params.seed))
    points = np.column_stack([rows["x"], rows["y"]])
    distinct = len(np.unique(points, axis=0))
    if distinct <= params.clusters:
        raise StageError(
            f"{path} has {distinct} different points, not enough for {params.clusters} clusters: "
            f"lower {params.section}.clusters or bring more text"
        )
    return rows["point"].to_pylist(), points


@command
def main(
    *,
    params: TraceKmeansParams,
    projection: Input,
    steps: Table[KMEANS_STEPS],
    step_points: Table[KMEANS_STEP_POINTS],
    step_centres: Table[KMEANS_STEP_CENTRES],
    starts: Table[KMEANS_STARTS],
    metrics: Output,
) -> None:
    """Trace k-means step by step on the plane, and compare where it ends from several starts.

    Args:
        steps: objective after each phase of each step of the first random start
        step_points: clusters of the points after each expectation
        step_centres: centres at the start, as step 0, and after each maximization
        starts: final objective of each start
    """
    names, points = read_plane(projection, params)
    numbers = range(1, params.starts + 1)
    centres = {
        "random": [random_start(points, params.clusters, [params.seed, n]) for n in numbers],
        "k-means++": [
            kmeans_plusplus(points, params.clusters, random_state=params.seed + n)[0]
            for n in numbers
        ],
    }
    runs = {kind: [kmeans(points, start) for start in own] for kind, own in centres.items()}
    traced = runs["random"][0]

    n_steps = len(traced)
    phases = {
        "step": np.repeat(np.arange(1, n_steps + 1), 2),
        "phase": ["expectation", "maximization"] * n_steps,
        "objective": [value for step in traced for value in (step.expected, step.maximized)],
    }
    steps.write(pa.table(phases).cast(steps.schema))
    assigned = {
        "step": np.repeat(np.arange(1, n_steps + 1), len(names)),
        "point": names * n_steps,
        "cluster": np.concatenate([step.clusters for step in traced]),
        "x": np.tile(points[:, 0], n_steps),
        "y": np.tile(points[:, 1], n_steps),
    }
    step_points.write(pa.table(assigned).cast(step_points.schema))
    moved = np.concatenate([centres["random"][0], *(step.centres for step in traced)])
    moving = {
        "step": np.repeat(np.arange(n_steps + 1), params.clusters),
        "cluster": np.tile(np.arange(params.clusters), n_steps + 1),
        "x": moved[:, 0],
        "y": moved[:, 1],
    }
    step_centres.write(pa.table(moving).cast(step_centres.schema))
    ends = {kind: np.array([run[-1].maximized for run in own]) for kind, own in runs.items()}
    ended = {
        "start": np.repeat(list(runs), params.starts).tolist(),
        "run": [*numbers, *numbers],
        "objective": np.concatenate(list(ends.values())),
        "steps": [len(run) for own in runs.values() for run in own],
    }
    starts.write(pa.table(ended).cast(starts.schema))

    lowest = min(own.min() for own in ends.values())
    drawn = {
        kind: own[resample(len(own), params.bootstrap_samples, params.seed + shift)].mean(axis=1)
        for shift, (kind, own) in enumerate(ends.items())
    }
    metrics.write_json(
        TraceKmeansMetrics(
            points=len(names),
            clusters=params.clusters,
            steps=n_steps,
            first_objective=traced[0].expected,
            last_objective=traced[-1].maximized,
            random=start_metrics(runs["random"], lowest),
            plus_plus=start_metrics(runs["k-means++"], lowest),
            random_above_plus_plus=ends["random"].mean() / ends["k-means++"].mean() - 1,
            random_above_plus_plus_interval=interval(drawn["random"] / drawn["k-means++"] - 1),
        )
    )
