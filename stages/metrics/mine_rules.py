"""The metrics of `mine_rules`."""

from stages.core.metrics import Metrics


class MineRulesMetrics(Metrics):
    """How many words occur together, and how many rules follow from that.

    Attributes:
        basket: what a basket is, `sentence` or `document`.
        algorithm: `apriori` or `eclat`.
        min_support: lowest support of a set.
        min_confidence: lowest confidence of a rule.
        baskets: number of baskets in training.
        empty_baskets: number of those without any of the words.
        test_baskets: number of baskets in the test split.
        min_count: fewest baskets of a set.
        words: number of words that are frequent.
        itemsets: number of frequent sets by their number of words.
        rules: number of rules.
        significant: number of rules with a false discovery rate below 5 %.
        tested: number of those whose antecedent occurs in the test split.
        held: number of those with a lift above 1 there.
    """

    basket: str
    algorithm: str
    min_support: float
    min_confidence: float
    baskets: int
    empty_baskets: int
    test_baskets: int
    min_count: int
    words: int
    itemsets: dict[str, int]
    rules: int
    significant: int
    tested: int
    held: int
