"""Apriori: frequent sets of words, one size after another."""

from itertools import combinations, groupby

import numpy as np
from scipy.sparse import csr_array

from stages.clustering.itemsets.baskets import bit_sets, pair_counts, sizes
from stages.clustering.itemsets.itemsets import Itemsets, TooManyItemsetsError

# Candidates that are counted at once.
CHUNK = 256


def apriori(contains: csr_array, minimum: int, longest: int, limit: int) -> Itemsets:
    """Return the sets of words that are together in at least `minimum` baskets.

    Candidates of a size are joined from the frequent sets that are one smaller and have all but
    their last word in common; those with a subset that is not frequent are not counted (Agrawal and
    Srikant 1994, section 2.1).

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
    level = list(found)
    if longest > 1:
        together = pair_counts(contains[:, rows].tocsr())
        left, right = np.nonzero(np.triu(together >= minimum, 1))
        level = list(zip(rows[left].tolist(), rows[right].tolist(), strict=True))
        found |= zip(level, together[left, right].tolist(), strict=True)
    sets = bit_sets(contains)
    for _ in range(3, longest + 1):
        if len(found) > limit:
            raise TooManyItemsetsError
        candidates = join(level)
        level = []
        for start in range(0, len(candidates), CHUNK):
            chunk = candidates[start : start + CHUNK]
            n = sizes(np.bitwise_and.reduce(sets[np.array(chunk)], axis=1))
            frequent = np.flatnonzero(n >= minimum).tolist()
            level += [chunk[i] for i in frequent]
            found |= {chunk[i]: int(n[i]) for i in frequent}
    if len(found) > limit:
        raise TooManyItemsetsError
    return found


def join(level: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the candidates that are one larger than the frequent sets of a sorted level."""
    frequent = set(level)
    candidates = []
    for prefix, group in groupby(level, key=lambda rows: rows[:-1]):
        for one, other in combinations((rows[-1] for rows in group), 2):
            candidate = (*prefix, one, other)
            if all(
                candidate[:i] + candidate[i + 1 :] in frequent for i in range(len(candidate) - 2)
            ):
                candidates.append(candidate)
    return candidates
