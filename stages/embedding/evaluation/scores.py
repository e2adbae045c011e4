"""Scores of tests and their bootstrap intervals."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from stages.core import bootstrap
from stages.embedding.contracts import ACCURACY

# A test with fewer items has no score.
MIN_ITEMS = 3


class Interval(NamedTuple):
    """A score with its 95 % interval; None if undefined."""

    score: float | None
    low: float | None
    high: float | None


NONE = Interval(None, None, None)


def samples(items: pd.DataFrame, n: int, seed: int) -> np.ndarray:
    """Return the score of a test and of `n` bootstrap samples of its items, (1 + n,).

    The samples are drawn with replacement (Efron 1979). Equal seeds and numbers of items give equal
    draws, so models can be compared item by item. The score is Spearman's correlation for
    similarity tests and the mean otherwise; NaN if undefined.
    """
    target, prediction = items["target"].to_numpy(), items["prediction"].to_numpy()
    size = len(items)
    rows = np.concatenate([np.arange(size)[None], bootstrap.resample(size, n, seed)])
    if items["measure"].iloc[0] == ACCURACY:
        return prediction[rows].mean(axis=1)
    return correlation(rankdata(target[rows], axis=1), rankdata(prediction[rows], axis=1))


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of each row of `a` and `b`; NaN if one is constant."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    norms = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), norms, out=np.full(len(a), np.nan), where=norms > 0)


def interval(sampled: np.ndarray) -> Interval:
    """Return the score and its percentile interval, from the result of `samples`."""
    if np.isnan(sampled[0]):
        return NONE
    return Interval(float(sampled[0]), *bootstrap.interval(sampled[1:]))


def score(items: pd.DataFrame, n: int, seed: int) -> Interval:
    """Return the score of a test with its interval; None if there are too few items."""
    return interval(samples(items, n, seed)) if len(items) >= MIN_ITEMS else NONE
