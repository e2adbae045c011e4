"""Scores of a classifier: accuracy with its interval, macro F1."""

import math

from sklearn.metrics import f1_score

# Quantile of the normal distribution for intervals of 95 %.
Z = 1.959963984540054


def wilson(correct: int, n: int) -> list[float]:
    """Return the 95 % interval of the share of `correct` among `n` (Wilson 1927)."""
    share, shrink = correct / n, 1 + Z**2 / n
    middle = share + Z**2 / (2 * n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    # Rounding would leave the unit interval when none or all are correct.
    return [max((middle - half) / shrink, 0.0), min((middle + half) / shrink, 1.0)]


def scores(truth: list[str], predictions: list[str]) -> dict[str, float | list[float]]:
    """Return accuracy, its 95 % interval, and the mean F1 of the classes."""
    correct = sum(a == b for a, b in zip(truth, predictions, strict=True))
    return {
        "accuracy": correct / len(truth),
        "accuracy_interval": wilson(correct, len(truth)),
        "macro_f1": float(f1_score(truth, predictions, average="macro", zero_division=0)),
    }
