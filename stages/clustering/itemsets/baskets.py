"""Baskets: which sentences or documents contain which words."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array, csr_array

BITS = 64


class Baskets(NamedTuple):
    """The words of each basket.

    Attributes:
        words: words that occur in baskets.
        contains: 1 where a basket contains a word, (baskets, words).
    """

    words: list[str]
    contains: csr_array

    @property
    def counts(self) -> np.ndarray:
        """The number of baskets that contain each word, (words,)."""
        return np.bincount(self.contains.indices, minlength=len(self.words))

    def frequent(self, minimum: int) -> "Baskets":
        """Return the baskets with words of at least `minimum` baskets, the rarest word first."""
        counts = self.counts
        kept = np.flatnonzero(counts >= minimum)
        kept = kept[np.argsort(counts[kept], kind="stable")]
        return Baskets([self.words[row] for row in kept], self.contains[:, kept].tocsr())

    def restrict(self, words: list[str]) -> "Baskets":
        """Return the baskets with the given words, in their order."""
        row_of = {word: row for row, word in enumerate(self.words)}
        return Baskets(words, self.contains[:, [row_of[word] for word in words]].tocsr())


def read_baskets(tokens: pa.Table, basket: str, words: list[str]) -> Baskets:
    """Return the baskets of texts.

    Args:
        tokens: columns tokens and sentence_lengths, a row for each document.
        basket: `sentence` or `document`.
        words: words that count; others are left out.
    """
    flat = pc.list_flatten(tokens["tokens"])
    if basket == "sentence":
        lengths = pc.list_flatten(tokens["sentence_lengths"]).to_numpy()
    else:
        lengths = pc.list_value_length(tokens["tokens"]).to_numpy()
    numbers = np.repeat(np.arange(len(lengths)), lengths)
    rows = pc.index_in(flat, value_set=pa.array(words, pa.string()))
    known = pc.is_valid(rows).to_numpy()
    pairs = numbers[known], rows.drop_null().to_numpy()
    shape = len(lengths), len(words)
    contains = coo_array((np.ones(len(pairs[0]), np.int32), pairs), shape).tocsr()
    contains.data[:] = 1  # however often a basket repeats a word
    contains.sort_indices()
    return Baskets(words, contains)


def bit_sets(contains: csr_array) -> np.ndarray:
    """Return the set of the baskets of each word as bits, (words, baskets / 64)."""
    baskets, words = contains.shape
    sets = np.zeros((words, -(-baskets // BITS)), np.uint64)
    numbers = np.repeat(np.arange(baskets), np.diff(contains.indptr))
    ones = np.left_shift(np.uint64(1), (numbers % BITS).astype(np.uint64))
    np.bitwise_or.at(sets, (contains.indices, numbers // BITS), ones)
    return sets


def sizes(sets: np.ndarray) -> np.ndarray:
    """Return the number of elements of each set of bits, (sets,)."""
    return np.bitwise_count(sets).sum(axis=-1, dtype=np.int64)


def pair_counts(contains: csr_array) -> np.ndarray:
    """Return the number of baskets with both of two words, (words, words)."""
    return (contains.T @ contains).toarray()
