"""Vectors as a column of lists in a table, and as an array."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from stages.core.errors import StageError


def read_vectors(path: Path) -> tuple[pa.Table, np.ndarray | csr_array]:
    """Read a table `vectors`.

    Returns:
        The table, and its vectors, (words, dimensions); sparse ones as a sparse array.
    """
    table = pq.read_table(path)
    if "indices" not in table.column_names or table["indices"].null_count:
        return table, to_array(table["vector"])
    values, indices = table["vector"].combine_chunks(), table["indices"].combine_chunks()
    parts = values.flatten().to_numpy(), indices.flatten().to_numpy(), values.offsets.to_numpy()
    return table, csr_array(parts)


def read_word_vectors(path: Path) -> tuple[pa.Table, np.ndarray]:
    """Read a table `vectors` of dense word vectors.

    Returns:
        The table, and its vectors, (words, dimensions).

    Raises:
        StageError: the vectors are sparse.
    """
    table, vectors = read_vectors(path)
    if not isinstance(vectors, np.ndarray):
        raise StageError(
            f"{path} contains sparse vectors (one-hot), and dense ones are needed: give the "
            "section of these vectors another kind"
        )
    return table, vectors


def to_column(vectors: np.ndarray) -> pa.ListArray:
    """Return vectors, (n, dimensions), as a column of n lists of float32."""
    n, dimensions = vectors.shape
    offsets = pa.array(np.arange(0, n * dimensions + 1, dimensions, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(vectors.astype(np.float32).ravel()))


def to_array(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of n lists of equal length as an array, (n, dimensions)."""
    return column.combine_chunks().flatten().to_numpy().reshape(len(column), -1)
