"""The percentile bootstrap (Efron 1979)."""

import numpy as np


def resample(items: int, samples: int, seed: int) -> np.ndarray:
    """Draw bootstrap samples of items with replacement.

    Args:
        items: number of items.
        samples: number of samples.
        seed: seed of the draws. Equal seeds and numbers of items give equal draws.

    Returns:
        Indices of the items, (samples, items).
    """
    return np.random.default_rng(seed).integers(0, items, (samples, items))


def interval(scores: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a score, from its values on the samples, (samples,).

    Samples on which the score is not defined (NaN) do not count.
    """
    low, high = np.nanpercentile(scores, [2.5, 97.5])
    return float(low), float(high)
