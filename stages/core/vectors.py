"""Vectors as a column of lists in a table, and as an array."""

import numpy as np
import pyarrow as pa


def to_column(vectors: np.ndarray) -> pa.ListArray:
    """Return vectors, (n, dimensions), as a column of n lists of float32."""
    n, dimensions = vectors.shape
    offsets = pa.array(np.arange(0, n * dimensions + 1, dimensions, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(vectors.astype(np.float32).ravel()))


def to_array(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of n lists of equal length as an array, (n, dimensions)."""
    return column.combine_chunks().flatten().to_numpy().reshape(len(column), -1)
