"""Points: the rows of a `points` table as names, labels and an array of vectors."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.clustering.contracts import POINTS
from stages.core.vectors import to_array, to_column


class Points(NamedTuple):
    """Named points in the space of the word vectors.

    Attributes:
        names: words or document ids.
        labels: labels, None for a point without one.
        vectors: vectors, (points, dimensions).
    """

    names: list[str]
    labels: list[str | None]
    vectors: np.ndarray

    def to_table(self) -> pa.Table:
        """Return the `points` table."""
        columns = [self.names, self.labels, to_column(self.vectors)]
        return pa.table(columns, schema=POINTS.schema)


def read(path: Path) -> Points:
    """Read a `points` table."""
    table = pq.read_table(path)
    return Points(table["point"].to_pylist(), table["label"].to_pylist(), to_array(table["vector"]))
