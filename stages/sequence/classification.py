"""How well classes are told apart."""

import math

import pandas as pd
import pyarrow as pa
from sklearn.metrics import f1_score

from stages.sequence.contracts import CONFUSION

# Of the normal distribution, for intervals of 95 %.
Z = 1.959963984540054


def wilson(right: int, n: int) -> list[float]:
    """Return the 95 % interval of a share of which `right` of `n` were seen (Wilson 1927)."""
    share, shrink = right / n, 1 + Z**2 / n
    middle = share + Z**2 / (2 * n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    # At none and at all of them rounding would leave the unit interval.
    return [max((middle - half) / shrink, 0.0), min((middle + half) / shrink, 1.0)]


def scores(truth: list[str], predictions: list[str]) -> dict[str, float | list[float]]:
    """Return accuracy, its 95 % interval, and the F1 of each class, averaged over classes."""
    right = sum(a == b for a, b in zip(truth, predictions, strict=True))
    return {
        "accuracy": right / len(truth),
        "accuracy_interval": wilson(right, len(truth)),
        "macro_f1": float(f1_score(truth, predictions, average="macro", zero_division=0)),
    }


def confusion(truth: list[str], predictions: list[str]) -> pa.Table:
    """Return how often each class was taken for which: the table `confusion`."""
    pairs = pd.DataFrame({"truth": truth, "prediction": predictions}, dtype="str")
    counts = pairs.groupby(["truth", "prediction"]).size().rename("count").reset_index()
    return pa.Table.from_pandas(counts, CONFUSION.schema, preserve_index=False)
