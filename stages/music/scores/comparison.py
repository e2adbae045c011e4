"""Whether the composer or a simple method is nearer to real music, by a bootstrap.

A score is computed of a set of passages and of its bootstrap samples alike: a sample is given by
how often each passage occurs in it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stages.core import bootstrap
from stages.metrics.score_composer import BASELINES


def resample(pieces: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """Return how often each passage occurs in a set and in its bootstrap samples.

    Whole pieces are drawn, because passages of a piece are not independent. Sets of equally many
    pieces have equal draws, which pairs the composer with each baseline.

    Args:
        pieces: piece of each passage, (passages,)
        samples: number of bootstrap samples
        seed: seed of the draws

    Returns:
        Counts, (1 + samples, passages); the first row is the set itself, each passage once
    """
    ids, own = np.unique(pieces, return_inverse=True)
    drawn = np.vstack([np.arange(len(ids)), bootstrap.resample(len(ids), samples, seed)])
    return np.stack([np.bincount(row, minlength=len(ids)) for row in drawn])[:, own]


def compare(scores: Mapping[str, np.ndarray], best: np.ndarray | float) -> dict[str, Any]:
    """Return a score of real music, the composer and the baselines, and who is nearer to the best.

    Args:
        scores: the score by kind, `real`, `composer` and the baselines: of the set itself, then of
            its bootstrap samples, (1 + samples,)
        best: the best score, of each sample or of all
    """
    away = {kind: np.abs(score - best)[1:] for kind, score in scores.items()}
    return {
        **{kind: float(score[0]) for kind, score in scores.items()},
        "composer_interval": bootstrap.interval(scores["composer"][1:]),
        "nearer": {
            kind: _nearer(*bootstrap.interval(away[kind] - away["composer"])) for kind in BASELINES
        },
    }


def _nearer(low: float, high: float) -> str:
    """Return which of two is nearer, given the interval of how much farther the baseline is."""
    return "composer" if low > 0 else "baseline" if high < 0 else "tie"


def compare_means(
    values: Mapping[str, np.ndarray], counts: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Return the comparison of the mean of a feature, which is best if it is that of real music.

    Args:
        values: the feature of each passage by kind, (passages,)
        counts: how often each passage occurs in each sample by kind, (1 + samples, passages)
    """
    means = {kind: counts[kind] @ own / counts[kind].sum(1) for kind, own in values.items()}
    return compare(means, means["real"])
