"""How much the distributions of features of two sets of passages have in common.

Yang and Lerch 2018, "On the evaluation of generative models in music", section 4: the distances
within one set are compared with those between the two sets.
"""

from collections.abc import Mapping

import numpy as np

# Steps of a feature, and points of a density of its distances: the rest is room to smooth.
VALUES, POINTS = 256, 512
# Standard deviations of a smoothing kernel: by Scott's rule for 1,000 distances. Their true number
# would smooth too little, because distances that share a passage are not independent.
_BANDWIDTH = 1000**-0.2
_LEAST = 1e-12  # probability that keeps the logarithm finite


def densities(
    reference: np.ndarray,
    other: np.ndarray,
    reference_counts: np.ndarray,
    other_counts: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the densities of distances within the first set and between the sets.

    All samples are computed at once: the distances of two histograms are their correlation, and
    both that and smoothing are products of Fourier transforms.

    Args:
        reference: a feature of the passages of one set, (passages,)
        other: the same feature of the other set
        reference_counts: how often each passage occurs in each sample, (samples, passages)
        other_counts: those of the other set

    Returns:
        Two arrays of probabilities that sum to 1, (samples, POINTS); of a sample without two
        different passages, those within are not a number
    """
    both = np.concatenate([reference, other])
    step = (np.ptp(both) or 1.0) / (VALUES - 1)

    def spectra(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
        bins = np.rint((values - both.min()) / step).astype(int)
        return np.fft.rfft(counts @ np.eye(VALUES)[bins], POINTS)

    own, others = spectra(reference, reference_counts), spectra(other, other_counts)
    # Numbers of pairs are whole: rounded, they are exact.
    within, between = (
        np.rint(np.fft.irfft(own * partners.conj(), POINTS)) for partners in (own, others)
    )
    within[:, 0] -= np.square(reference_counts).sum(1)  # a passage has no distance from itself
    return _density(within), _density(between)


def _density(differences: np.ndarray) -> np.ndarray:
    """Return the density of distances, smoothed, from a histogram of differences."""
    distances = np.zeros_like(differences)
    distances[:, :VALUES] = differences[:, :VALUES]
    distances[:, 1:VALUES] += differences[:, :-VALUES:-1]  # negative ones lie at the end
    with np.errstate(invalid="ignore"):
        distances /= distances.sum(1, keepdims=True)
    steps = np.arange(POINTS)
    variance = distances @ np.square(steps) - np.square(distances @ steps)
    kernel = np.exp(
        -2 * np.square(np.pi * _BANDWIDTH * np.fft.rfftfreq(POINTS)) * variance[:, None]
    )
    return np.maximum(np.fft.irfft(np.fft.rfft(distances) * kernel, POINTS), 0)


def overlap_area(within: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Return the area under both densities of each sample, from 0 to 1, (samples,)."""
    return np.minimum(within, between).sum(1)


def kullback_leibler(within: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Return the divergence of the first density of each sample from the second, in nats."""
    within, between = (np.maximum(density, _LEAST) for density in (within, between))
    return (within * np.log(within / between)).sum(1)


def mean_overlap(reference: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """Return the mean overlap area over the features that vary in the first set.

    A feature that is the same for all of its passages has no distribution to compare.
    """
    pairs = [(own, other[name]) for name, own in reference.items() if np.ptp(own) > 0]
    areas = [
        overlap_area(*densities(*pair, *(np.ones((1, len(values))) for values in pair)))
        for pair in pairs
    ]
    return float(np.mean(areas or [0.0]))
