"""The Frechet distance of two sets of examples in some features.

Heusel et al. 2017 (arXiv:1706.08500) compare images so, in the features of a classifier of images.
"""

import numpy as np


def frechet_distance(
    one: np.ndarray, other: np.ndarray, one_counts: np.ndarray, other_counts: np.ndarray
) -> np.ndarray:
    """Return the squared distance of two normal distributions with the same moments, (samples,).

    Args:
        one: features of examples, such as passages or notes, (examples, features)
        other: those of others
        one_counts: how often each example occurs in each sample, (samples, examples)
        other_counts: those of the others
    """
    means, covariances = zip(
        *(_moments(one, one_counts), _moments(other, other_counts)), strict=True
    )
    # The trace of the root of a product of covariances is the sum of the roots of its eigenvalues.
    eigenvalues = np.linalg.eigvals(covariances[0] @ covariances[1]).real
    roots = np.sqrt(np.maximum(eigenvalues, 0)).sum(1)
    apart = np.square(means[0] - means[1]).sum(1)
    traces = np.trace(covariances[0] + covariances[1], axis1=1, axis2=2)
    return np.maximum(0, apart + traces - 2 * roots)


def _moments(points: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the covariance of points in each sample.

    Args:
        points: points, (examples, features)
        counts: how often each occurs, (samples, examples)

    Returns:
        Two arrays, (samples, features) and (samples, features, features)
    """
    totals = counts.sum(1)[:, None, None]
    means = counts @ points / totals[:, 0]
    products = np.tensordot(counts, points[:, :, None] * points[:, None], 1)
    covariances = (products - totals * means[:, :, None] * means[:, None]) / (totals - 1)
    return means, covariances
