"""k-medians: k-means under the Manhattan distance."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import pairwise_distances_argmin_min


class KMedians(NamedTuple):
    """Clusters of points by k-medians.

    Attributes:
        assigned: cluster of each point, (points,).
        medians: medians of the clusters, (clusters, dimensions).
        objective: sum of the Manhattan distances of the points to their medians.
        converged: whether the last iteration moved no point.
    """

    assigned: np.ndarray
    medians: np.ndarray
    objective: float
    converged: bool


def kmedians(
    vectors: np.ndarray, clusters: int, restarts: int, max_iterations: int, seed: int
) -> KMedians:
    """Return clusters with the least sum of Manhattan distances to their medians.

    Lloyd's algorithm with medians for means (Jain and Dubes 1988): each coordinate's median has the
    least sum of absolute differences. A cluster that loses all points takes the point that is
    farthest from its median.

    Args:
        vectors: vectors of the points, (points, dimensions).
        clusters: number of clusters, at most the number of points.
        restarts: runs from random points, of which the best is returned.
        max_iterations: number of iterations after which a run stops.
        seed: seed of the random points.
    """
    draw = np.random.default_rng(seed)
    runs = (_run(vectors, clusters, max_iterations, draw) for _ in range(restarts))
    return min(runs, key=lambda run: run.objective)


def _run(
    vectors: np.ndarray, clusters: int, max_iterations: int, draw: np.random.Generator
) -> KMedians:
    medians = vectors[draw.choice(len(vectors), clusters, replace=False)]
    assigned, distances = _assign(vectors, medians)
    converged = False
    for _ in range(max_iterations):
        medians = medians.copy()
        farthest = np.argsort(-distances, kind="stable")
        for cluster in range(clusters):
            members = vectors[assigned == cluster]
            if len(members):
                medians[cluster] = np.median(members, axis=0)
            else:
                medians[cluster], farthest = vectors[farthest[0]], farthest[1:]
        before = assigned
        assigned, distances = _assign(vectors, medians)
        converged = np.array_equal(before, assigned)
        if converged:
            break
    return KMedians(assigned, medians, float(distances.sum()), converged)


def _assign(vectors: np.ndarray, medians: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return pairwise_distances_argmin_min(vectors, medians, metric="manhattan")
