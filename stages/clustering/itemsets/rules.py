"""Association rules from frequent sets, with their statistics."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import stats

from stages.clustering.itemsets.itemsets import Itemsets


class Rules(NamedTuple):
    """Rules: baskets with the words of the antecedent also contain those of the consequent.

    Attributes:
        antecedents: rows of the words of each antecedent.
        consequents: rows of the words of each consequent.
        counts: number of baskets with both, (rules,).
        antecedent_counts: number of baskets with the antecedent, (rules,).
        consequent_counts: number of baskets with the consequent, (rules,).
        baskets: number of all baskets.
    """

    antecedents: list[tuple[int, ...]]
    consequents: list[tuple[int, ...]]
    counts: np.ndarray
    antecedent_counts: np.ndarray
    consequent_counts: np.ndarray
    baskets: int

    @property
    def support(self) -> np.ndarray:
        """The share of baskets with both, (rules,)."""
        return self.counts / self.baskets

    @property
    def confidence(self) -> np.ndarray:
        """The share of baskets with the consequent among those with the antecedent, (rules,)."""
        return self.counts / self.antecedent_counts

    @property
    def lift(self) -> np.ndarray:
        """Confidence to the share of the consequent in all baskets, 1 by chance, (rules,)."""
        return self.confidence * self.baskets / self.consequent_counts

    @property
    def leverage(self) -> np.ndarray:
        """Support minus what it would be by chance, (rules,)."""
        expected = self.antecedent_counts * (self.consequent_counts / self.baskets**2)
        return self.support - expected

    def confidence_interval(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the exact 95 % interval of the confidence (Clopper and Pearson 1934)."""
        missed = self.antecedent_counts - self.counts
        low = stats.beta.ppf(0.025, self.counts, missed + 1)
        high = stats.beta.ppf(0.975, self.counts + 1, missed)
        return low, np.where(missed == 0, 1.0, high)

    def q_values(self) -> np.ndarray:
        """Return the false discovery rates at which the rules still count as found, (rules,).

        Fisher's exact test of each rule against chance, one-sided, adjusted for their number
        (Benjamini and Hochberg 1995).
        """
        p = stats.hypergeom.sf(
            self.counts - 1, self.baskets, self.antecedent_counts, self.consequent_counts
        )
        return stats.false_discovery_control(np.clip(p, 0, 1)) if len(p) else p


def find_rules(itemsets: Itemsets, baskets: int, min_confidence: float) -> Rules:
    """Return the rules of at least a confidence, those of the highest lift first.

    Args:
        itemsets: frequent sets with all their subsets.
        baskets: number of baskets.
        min_confidence: lowest confidence, 0 to 1.
    """
    found = [
        (antecedent, tuple(row for row in rows if row not in antecedent), count)
        for rows, count in itemsets.items()
        for size in range(1, len(rows))
        for antecedent in combinations(rows, size)
        if count >= min_confidence * itemsets[antecedent]
    ]
    rules = Rules(
        [antecedent for antecedent, _, _ in found],
        [consequent for _, consequent, _ in found],
        np.array([count for _, _, count in found], np.int64),
        np.array([itemsets[antecedent] for antecedent, _, _ in found], np.int64),
        np.array([itemsets[consequent] for _, consequent, _ in found], np.int64),
        baskets,
    )
    order = np.lexsort((-rules.counts, -rules.lift))
    return Rules(
        [rules.antecedents[i] for i in order],
        [rules.consequents[i] for i in order],
        rules.counts[order],
        rules.antecedent_counts[order],
        rules.consequent_counts[order],
        baskets,
    )
