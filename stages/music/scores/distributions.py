"""How much the distributions of features of two sets of passages have in common.

Yang and Lerch 2018, "On the evaluation of generative models in music", section 4: the distances
within one set are compared with those between the two sets.
"""

from collections.abc import Mapping

import numpy as np
from scipy.stats import gaussian_kde

# Distances that a density is estimated from, and points at which it is compared.
DISTANCES, POINTS = 1000, 400
_LEAST = 1e-10  # density that keeps the logarithm finite


def overlap_area(reference: np.ndarray, other: np.ndarray) -> float:
    """Return the area under both densities, from 0 to 1: of distances within and between the sets.

    Args:
        reference: a feature of the passages of one set, (passages,)
        other: the same feature of the other set
    """
    within, between, width = _densities(reference, other)
    return float(min(1.0, np.minimum(within, between).sum() * width))


def kullback_leibler(reference: np.ndarray, other: np.ndarray) -> float:
    """Return the divergence of the distances within the first set from those between the sets.

    Args:
        reference: a feature of the passages of one set, (passages,)
        other: the same feature of the other set

    Returns:
        The divergence in nats
    """
    within, between, _ = _densities(reference, other)
    within, between = (
        np.maximum(density, _LEAST) / np.maximum(density, _LEAST).sum()
        for density in (within, between)
    )
    return float((within * np.log(within / between)).sum())


def mean_overlap(reference: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """Return the mean overlap area over the features that vary in the first set.

    A feature that is the same for all of its passages has no distribution to compare.
    """
    vary = [name for name, values in reference.items() if np.ptp(values) > 0]
    return float(np.mean([overlap_area(reference[name], other[name]) for name in vary] or [0.0]))


def _densities(reference: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the densities of distances within and between two sets, and the width of a point."""
    pairs = np.triu_indices(len(reference), 1)
    within = np.abs(reference[pairs[0]] - reference[pairs[1]])
    between = np.abs(reference[:, None] - other).ravel()
    highest = max(within.max(initial=0), between.max(initial=0))
    # A density extends beyond the distances by some bandwidths.
    points = np.linspace(-0.25, 1.25, POINTS) * (highest or 1.0)
    return _density(within, points), _density(between, points), points[1] - points[0]


def _density(distances: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the density at points: of equal distances, all at the nearest point."""
    width = points[1] - points[0]
    if np.ptp(distances) < width / 10:
        density = np.zeros(len(points))
        density[np.abs(points - distances.mean()).argmin()] = 1 / width
        return density
    ranks = np.linspace(0, len(distances) - 1, DISTANCES).round().astype(int)
    return gaussian_kde(np.sort(distances)[ranks])(points)
