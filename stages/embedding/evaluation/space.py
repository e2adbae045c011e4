"""Unit vectors of words: similarity, nearest neighbours and vector arithmetic."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse
from sklearn.preprocessing import normalize

from stages.core.errors import StageError
from stages.embedding.contracts import NEIGHBOURS, VECTOR_ARITHMETIC
from stages.embedding.models.model import Model
from stages.embedding.models.word2vec import unseen_vector

Rows = np.ndarray | scipy.sparse.csr_array


class Space(NamedTuple):
    """The vectors of a model, scaled to length 1.

    Attributes:
        words: words that have a vector.
        row_of: rows of the words.
        units: unit vectors, (words, dimensions), dense or sparse.
    """

    words: list[str]
    row_of: dict[str, int]
    units: Rows

    def cosines(self, queries: Rows) -> np.ndarray:
        """Return the cosine of each query and each word, (queries, words)."""
        product = normalize(queries) @ self.units.T
        return product.toarray() if scipy.sparse.issparse(product) else product

    def cosines_among(self, rows: list[int]) -> np.ndarray:
        """Return the cosine of each two of some rows, (rows, rows)."""
        units = self.units[rows]
        product = units @ units.T
        return product.toarray() if scipy.sparse.issparse(product) else product

    def cosines_of_pairs(self, a: list[int], b: list[int]) -> np.ndarray:
        """Return the cosine of each pair of rows, (pairs,)."""
        if scipy.sparse.issparse(self.units):
            return self.units[a].multiply(self.units[b]).sum(axis=1)
        return np.einsum("ij,ij->i", self.units[a], self.units[b])


def space_of(model: Model) -> Space:
    """Return the unit vectors of a model."""
    row_of = {word: row for row, word in enumerate(model.words)}
    return Space(model.words, row_of, normalize(model.vectors))


def _nearest(cosines: np.ndarray, n: int, excluded: list[int]) -> list[int]:
    """Return the rows of the `n` greatest positive cosines, in descending order."""
    cosines = cosines.copy()
    cosines[excluded] = 0
    # A stable sort keeps ties in the order of the vocabulary.
    return [int(row) for row in np.argsort(-cosines, kind="stable")[:n] if cosines[row] > 0]


def nearest_neighbours(words: list[str], n: int, space: Space, model: Model) -> pa.Table:
    """Return the table `neighbours`: the `n` nearest neighbours of each word that has a vector.

    A model with subwords has a vector for any word; `seen` says whether the corpus contains it.
    """
    rows = []
    for word in words:
        row = space.row_of.get(word)
        query = unseen_vector(word, model) if row is None else space.units[[row]]
        if query is None:
            continue
        cosines = space.cosines(query.reshape(1, -1))[0]
        for rank, other in enumerate(_nearest(cosines, n, [] if row is None else [row]), start=1):
            rows.append((word, row is not None, rank, space.words[other], float(cosines[other])))
    return to_table(rows, NEIGHBOURS.schema)


def parse_arithmetic(expression: str) -> list[tuple[int, str]]:
    """Return the signs and words of an expression such as `a - b + c`.

    Raises:
        StageError: the expression does not alternate words and signs.
    """
    words = expression.split()
    signs = ["+", *words[1::2]]
    if len(words) % 2 == 0 or not set(signs) <= {"+", "-"} or len(words) < 3:
        raise StageError(
            f"params.yaml: embedding.evaluate_embedding.arithmetic has '{expression}': write words "
            "with + or - between them, such as king - man + woman"
        )
    return [(1 if sign == "+" else -1, word) for sign, word in zip(signs, words[::2], strict=True)]


def nearest_to_sums(expressions: list[str], n: int, space: Space) -> pa.Table:
    """Return the table `vector_arithmetic`: the words nearest to sums of unit vectors.

    Expressions with a word that has no vector are left out.
    """
    rows = []
    for expression in expressions:
        terms = parse_arithmetic(expression)
        if not all(word in space.row_of for _, word in terms):
            continue
        rows_of_terms = [space.row_of[word] for _, word in terms]
        signs = scipy.sparse.csr_array(np.array([[sign for sign, _ in terms]], dtype=np.float32))
        cosines = space.cosines(signs @ space.units[rows_of_terms])[0]
        for rank, other in enumerate(_nearest(cosines, n, rows_of_terms), start=1):
            rows.append((expression, rank, space.words[other], float(cosines[other])))
    return to_table(rows, VECTOR_ARITHMETIC.schema)


def to_table(rows: list[tuple], schema: pa.Schema) -> pa.Table:
    """Return rows as a table, which may be empty."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in schema]
    return pa.table(columns, schema=schema)
