"""How far neighbourhoods survive a projection: trustworthiness and continuity."""

import numpy as np
from sklearn.metrics import pairwise_distances

from stages.core.bootstrap import interval, resample
from stages.metrics.project import KeptMetrics


def ranks(positions: np.ndarray) -> np.ndarray:
    """Return the rank of each point among the neighbours of each other point, (points, points).

    The nearest neighbour has rank 1, and the point itself the last.

    Args:
        positions: positions in any space, (points, dimensions).
    """
    distances = pairwise_distances(positions)
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")
    found = np.empty(order.shape, dtype=np.int32)
    np.put_along_axis(found, order, np.arange(1, len(order) + 1, dtype=np.int32)[None], axis=1)
    return found


def kept(ranks_before: np.ndarray, ranks_after: np.ndarray, neighbours: int) -> np.ndarray:
    """Return how far the neighbours of each point after a mapping were so before it, (points,).

    The mean over the points is the trustworthiness (Venna and Kaski 2001) if `before` is the space
    of the vectors and `after` the plane, and the continuity if they are exchanged. Values by point
    give an interval, which scikit-learn's mean does not.

    Args:
        ranks_before: `ranks` in one space.
        ranks_after: `ranks` in the other.
        neighbours: number of neighbours, less than half of the points.
    """
    n = len(ranks_before)
    too_far = np.maximum(ranks_before - neighbours, 0)
    penalties = np.where(ranks_after <= neighbours, too_far, 0).sum(axis=1)
    return 1 - penalties * (2 / (neighbours * (2 * n - 3 * neighbours - 1)))


def score(
    vectors: np.ndarray, planes: dict[str, np.ndarray], neighbours: int, samples: int, seed: int
) -> dict[str, KeptMetrics]:
    """Return the trustworthiness and the continuity of each plane.

    Args:
        vectors: vectors of the points, (points, dimensions).
        planes: positions of the points by method, each (points, 2).
        neighbours: number of neighbours of a point to compare, less than half of the points.
        samples: number of bootstrap samples of points, the same for all planes.
        seed: seed of the samples.
    """
    draws = resample(len(vectors), samples, seed)
    before = ranks(vectors)
    trust, continuity = {}, {}
    for method, positions in planes.items():
        after = ranks(positions)
        trust[method] = kept(before, after, neighbours)
        continuity[method] = kept(after, before, neighbours)
    best = max(trust, key=lambda method: trust[method].mean())

    def bounds(values: np.ndarray) -> tuple[float, float]:
        return interval(values[draws].mean(axis=1))

    return {
        method: KeptMetrics(
            trustworthiness=trust[method].mean(),
            trustworthiness_interval=bounds(trust[method]),
            continuity=continuity[method].mean(),
            continuity_interval=bounds(continuity[method]),
            behind_best_interval=bounds(trust[best] - trust[method]),
        )
        for method in planes
    }
