"""Scores of clusters: by themselves, and against labels."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    normalized_mutual_info_score,
    pairwise_distances,
    silhouette_score,
)
from sklearn.metrics.cluster import contingency_matrix

from stages.clustering.points import sample
from stages.metrics.cluster import ScoreMetrics

# The silhouette compares all pairs of points, so larger sets are sampled.
SILHOUETTE_POINTS = 3_000
# Number of random assignments whose mean score the clusters are compared with.
RANDOM_ASSIGNMENTS = 5


def silhouette(vectors: np.ndarray, assigned: np.ndarray, seed: int) -> float | None:
    """Return the mean silhouette of points in clusters, by Euclidean distance.

    Args:
        vectors: vectors of the points, (points, dimensions).
        assigned: clusters of the points, negative for none, (points,).
        seed: seed of the sample of points.

    Returns:
        The silhouette, or None for fewer than two clusters or for as many as points.
    """
    clustered = np.flatnonzero(assigned >= 0)
    rows = clustered[sample(len(clustered), SILHOUETTE_POINTS, seed)]
    return _silhouette(pairwise_distances(vectors[rows]), assigned[rows])


def _silhouette(distances: np.ndarray, assigned: np.ndarray) -> float | None:
    if not 1 < len(np.unique(assigned)) < len(assigned):
        return None
    return float(silhouette_score(distances, assigned, metric="precomputed"))


def purity(labels: np.ndarray, assigned: np.ndarray) -> float:
    """Return the share of points that have the most frequent label of their cluster."""
    return float(contingency_matrix(labels, assigned, sparse=True).max(axis=0).sum() / len(labels))


Scorer = Callable[[np.ndarray], float | None]


def beside_random(scorer: Scorer, assigned: np.ndarray, seed: int) -> ScoreMetrics | None:
    """Return a score of clusters, and the mean score of random assignments of the same sizes.

    Args:
        scorer: the score of an assignment, None if it is not defined.
        assigned: clusters of the points, (points,).
        seed: seed of the random assignments.
    """
    score = scorer(assigned)
    if score is None:
        return None
    draw = np.random.default_rng(seed)
    random = [scorer(draw.permutation(assigned)) for _ in range(RANDOM_ASSIGNMENTS)]
    # A sample of the points of a random assignment may have fewer than two clusters.
    defined = [own for own in random if own is not None]
    return ScoreMetrics(score=score, random=float(np.mean(defined)) if defined else None)


def inner_scores(
    vectors: np.ndarray, assigned: np.ndarray, seed: int
) -> dict[str, ScoreMetrics | None]:
    """Return how well clusters are separated; points in no cluster do not count."""
    clustered = assigned >= 0
    own, vectors = assigned[clustered], vectors[clustered]
    if not 1 < len(np.unique(own)) < len(own):
        return dict.fromkeys(("silhouette", "davies_bouldin", "calinski_harabasz"))
    rows = sample(len(own), SILHOUETTE_POINTS, seed)
    distances = pairwise_distances(vectors[rows])
    scorers: dict[str, Scorer] = {
        "silhouette": lambda given: _silhouette(distances, given[rows]),
        "davies_bouldin": lambda given: float(davies_bouldin_score(vectors, given)),
        "calinski_harabasz": lambda given: float(calinski_harabasz_score(vectors, given)),
    }
    return {name: beside_random(scorer, own, seed) for name, scorer in scorers.items()}


def agreement(
    labels: list[str | None], assigned: np.ndarray, seed: int
) -> dict[str, ScoreMetrics | int | None]:
    """Return the agreement of clusters and labels, over the points that have a label.

    Points in no cluster count as one cluster.

    Args:
        labels: labels of the points, None for a point without one.
        assigned: clusters of the points, (points,).
        seed: seed of the random assignments.
    """
    rows = [row for row, label in enumerate(labels) if label is not None]
    known = np.array([labels[row] for row in rows], dtype=str)
    scorers = {
        "adjusted_rand": adjusted_rand_score,
        "normalized_mutual_info": normalized_mutual_info_score,
        "purity": purity,
    }
    if len(set(known)) < 2:
        return {"labelled_points": len(rows), **dict.fromkeys(scorers)}
    return {
        "labelled_points": len(rows),
        **{
            name: beside_random(lambda own, f=scorer: float(f(known, own)), assigned[rows], seed)
            for name, scorer in scorers.items()
        },
    }


def stability(runs: list[np.ndarray]) -> float | None:
    """Return the mean adjusted Rand index between runs; None for a single one."""
    indices = [adjusted_rand_score(a, b) for a, b in combinations(runs, 2)]
    return float(np.mean(indices)) if indices else None
