"""Scores of judgements, and how sure they are."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from stages.embedding.contracts import ACCURACY

# Fewer items than this say nothing.
FEWEST_ITEMS = 3


class Interval(NamedTuple):
    """A score with its 95 % interval; None where it is not defined."""

    score: float | None
    low: float | None
    high: float | None


NONE = Interval(None, None, None)


def samples(items: pd.DataFrame, n: int, seed: int) -> np.ndarray:
    """Return the score of some judgements, and of `n` samples of them, of shape (1 + n,).

    The samples are drawn with repetition, as many items as there are (Efron 1979); equal seeds and
    equally many items give the same draws, so that models can be compared item by item. The score
    is Spearman's correlation for similarities, otherwise the mean; NaN where it is not defined.
    """
    wanted, got = items["wanted"].to_numpy(), items["got"].to_numpy()
    size = len(items)
    draw = np.random.default_rng(seed).integers(0, size, (n, size))
    rows = np.concatenate([np.arange(size)[None], draw])
    if items["measure"].iloc[0] == ACCURACY:
        return got[rows].mean(axis=1)
    return _correlation(rankdata(wanted[rows], axis=1), rankdata(got[rows], axis=1))


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of the rows of `a` and `b`; NaN where one does not vary."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    norms = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), norms, out=np.full(len(a), np.nan), where=norms > 0)


def interval(sampled: np.ndarray) -> Interval:
    """Return the score and the middle 95 % of its samples."""
    if np.isnan(sampled[0]):
        return NONE
    low, high = np.nanpercentile(sampled[1:], [2.5, 97.5])
    return Interval(float(sampled[0]), float(low), float(high))


def score(items: pd.DataFrame, n: int, seed: int) -> Interval:
    """Return the score of some judgements with its interval; None for too few."""
    return interval(samples(items, n, seed)) if len(items) >= FEWEST_ITEMS else NONE
