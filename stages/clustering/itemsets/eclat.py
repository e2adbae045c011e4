"""Eclat: frequent sets of words, depth first, by intersecting sets of baskets."""

import numpy as np
from scipy.sparse import csr_array

from stages.clustering.itemsets.baskets import bit_sets, pair_counts, sizes
from stages.clustering.itemsets.itemsets import Itemsets, TooManyItemsetsError


def eclat(contains: csr_array, minimum: int, longest: int, limit: int) -> Itemsets:
    """Return the sets of words that are together in at least `minimum` baskets.

    The baskets of a set are the intersection of those of two smaller sets, as bits. Pairs are
    counted before any are intersected (Zaki 2000, sections 4 and 5.1).

    Args:
        contains: 1 where a basket contains a word, (baskets, words).
        minimum: fewest baskets of a set.
        longest: most words of a set.
        limit: most sets.

    Raises:
        TooManyItemsetsError: there are more sets than `limit`.
    """
    counts = np.bincount(contains.indices, minlength=contains.shape[1])
    rows = np.flatnonzero(counts >= minimum)
    found = {(int(row),): int(counts[row]) for row in rows}
    if longest == 1:
        return _limited(found, limit)
    contains = contains[:, rows].tocsr()
    together = pair_counts(contains)
    sets = bit_sets(contains)

    def extend(prefix: tuple[int, ...], last: np.ndarray, of_last: np.ndarray) -> None:
        """Find the sets that begin like the frequent sets `prefix` + one of `last`."""
        for i in range(len(last) - 1):
            start = (*prefix, int(rows[last[i]]))
            # A set is only frequent if its last two words are.
            partners = i + 1 + np.flatnonzero(together[last[i], last[i + 1 :]] >= minimum)
            intersections = of_last[i] & of_last[partners]
            n = sizes(intersections)
            kept = np.flatnonzero(n >= minimum)
            ends = last[partners[kept]]
            found.update(
                ((*start, end), count)
                for end, count in zip(rows[ends].tolist(), n[kept].tolist(), strict=True)
            )
            _limited(found, limit)
            if len(start) + 1 < longest:
                extend(start, ends, intersections[kept])

    for row in range(len(rows)):
        ends = row + 1 + np.flatnonzero(together[row, row + 1 :] >= minimum)
        first = int(rows[row])
        pairs = zip(rows[ends].tolist(), together[row, ends].tolist(), strict=True)
        found.update(((first, end), count) for end, count in pairs)
        _limited(found, limit)
        if longest > 2:
            extend((first,), ends, sets[row] & sets[ends])
    return found


def _limited(found: Itemsets, limit: int) -> Itemsets:
    if len(found) > limit:
        raise TooManyItemsetsError
    return found
