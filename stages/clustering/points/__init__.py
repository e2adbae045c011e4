"""Points: the rows of a `points` table as names, labels and an array of vectors."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.clustering.contracts import POINTS
from stages.core.errors import StageError
from stages.core.vectors import to_array, to_column


class Points(NamedTuple):
    """Named points in the space of the word vectors.

    Attributes:
        names: words or document ids.
        labels: labels, None for a point without one.
        splits: splits of documents, None for words.
        vectors: vectors, (points, dimensions).
    """

    names: list[str]
    labels: list[str | None]
    splits: list[str | None]
    vectors: np.ndarray

    def to_table(self) -> pa.Table:
        """Return the `points` table."""
        columns = [self.names, self.labels, self.splits, to_column(self.vectors)]
        return pa.table(columns, schema=POINTS.schema)


def read(path: Path) -> Points:
    """Read a `points` table.

    Raises:
        StageError: a vector has NaN or infinity.
    """
    table = pq.read_table(path)
    columns = (table[name].to_pylist() for name in ("point", "label", "split"))
    vectors = to_array(table["vector"])
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise StageError(
            f"{path} has NaN or infinity in {len(bad)} vectors, first in row {bad[0]}: train the "
            "embedding again with a lower learning rate"
        )
    return Points(*columns, vectors)


def sample(n: int, at_most: int, seed: int) -> np.ndarray:
    """Return the numbers below `n`, or if these are more than `at_most`, a sorted sample."""
    if n <= at_most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, at_most, replace=False))
