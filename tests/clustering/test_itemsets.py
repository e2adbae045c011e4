from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.frequent_patterns import association_rules, fpgrowth
from scipy import stats
from scipy.sparse import csr_array

from stages.clustering.itemsets.apriori import apriori
from stages.clustering.itemsets.baskets import bit_sets, pair_counts, read_baskets, sizes
from stages.clustering.itemsets.eclat import eclat
from stages.clustering.itemsets.itemsets import TooManyItemsetsError
from stages.clustering.itemsets.rules import find_rules

ALGORITHMS = pytest.mark.parametrize("algorithm", [apriori, eclat])


def counted(contains: np.ndarray, minimum: int, longest: int) -> dict:
    """All sets of words, counted one by one."""
    rows = range(contains.shape[1])
    sets = [own for size in range(1, longest + 1) for own in combinations(rows, size)]
    counts = {own: int(contains[:, list(own)].all(axis=1).sum()) for own in sets}
    return {own: n for own, n in counts.items() if n >= minimum}


@ALGORITHMS
@settings(deadline=None, max_examples=60)
@given(
    baskets=st.lists(st.sets(st.integers(0, 6)), min_size=1, max_size=80),
    minimum=st.integers(1, 6),
    longest=st.integers(1, 5),
)
def test_frequent_sets_are_those_that_counting_finds(algorithm, baskets, minimum, longest):
    contains = np.array([[row in basket for row in range(7)] for basket in baskets])
    found = algorithm(csr_array(contains.astype(np.int32)), minimum, longest, 1000)
    assert found == counted(contains, minimum, longest)


def drawn(baskets: int, words: int) -> np.ndarray:
    draw = np.random.default_rng(3)
    topics = draw.random((4, words)) ** 3
    return draw.random((baskets, words)) < topics[draw.integers(0, 4, baskets)] * 0.8


@ALGORITHMS
def test_frequent_sets_are_those_of_mlxtend(algorithm):
    contains = drawn(3000, 40)
    theirs = fpgrowth(pd.DataFrame(contains), min_support=0.02, max_len=5)
    expected = {
        tuple(sorted(own)): round(support * 3000)
        for own, support in zip(theirs["itemsets"], theirs["support"], strict=True)
    }
    assert max(map(len, expected)) == 5
    assert algorithm(csr_array(contains.astype(np.int32)), 60, 5, 100_000) == expected


@ALGORITHMS
def test_too_many_sets_end_early(algorithm):
    contains = csr_array(np.ones((10, 30), np.int32))  # a billion sets
    with pytest.raises(TooManyItemsetsError):
        algorithm(contains, 1, 30, 5000)


def test_rules_and_their_statistics_are_those_of_mlxtend_and_scipy():
    contains = drawn(500, 12)
    frame = pd.DataFrame(contains)
    theirs = association_rules(
        fpgrowth(frame, min_support=0.02), metric="confidence", min_threshold=0.3
    )
    expected = {
        (tuple(sorted(rule.antecedents)), tuple(sorted(rule.consequents))): rule
        for rule in theirs.itertuples()
    }
    ours = find_rules(eclat(csr_array(contains.astype(np.int32)), 10, 12, 100_000), 500, 0.3)
    keys = list(zip(ours.antecedents, ours.consequents, strict=True))
    assert len(keys) > 50
    assert set(keys) == set(expected)
    for name in ("support", "confidence", "lift", "leverage"):
        values = [getattr(expected[key], name) for key in keys]
        np.testing.assert_allclose(getattr(ours, name), values, atol=1e-12)
    assert (np.diff(ours.lift) <= 0).all()

    low, high = ours.confidence_interval()
    p_values = []
    for i, (left, right) in enumerate(keys):
        n, of = int(ours.counts[i]), int(ours.antecedent_counts[i])
        exact = stats.binomtest(n, of).proportion_ci()
        assert (low[i], high[i]) == pytest.approx((exact.low, exact.high))
        first, second = contains[:, left].all(axis=1), contains[:, right].all(axis=1)
        table = [[(a & b).sum() for b in (second, ~second)] for a in (first, ~first)]
        p_values.append(stats.fisher_exact(table, "greater").pvalue)
    np.testing.assert_allclose(ours.q_values(), stats.false_discovery_control(p_values))


def test_no_frequent_sets_have_no_rules():
    rules = find_rules({}, 10, 0.5)
    assert (len(rules.antecedents), len(rules.q_values()), len(rules.lift)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("basket", "expected"),
    [
        ("sentence", [[1, 0], [0, 0], [1, 1], [0, 0], [0, 1]]),
        ("document", [[1, 0], [1, 1], [0, 0], [0, 1]]),
    ],
)
def test_baskets_contain_a_word_once_and_may_be_empty(basket, expected):
    documents = {
        "tokens": [["a", "a", "x", "x"], ["b", "a", "b"], ["x"], ["b"]],
        "sentence_lengths": [[3, 1], [3], [1], [1]],
    }
    baskets = read_baskets(pa.table(documents), basket, ["a", "b"])
    assert baskets.contains.toarray().tolist() == expected
    assert baskets.counts.tolist() == np.sum(expected, axis=0).tolist()
    first = baskets.frequent(1)
    assert first.words == ["a", "b"]  # equally frequent
    assert baskets.restrict(["b"]).contains.toarray().ravel().tolist() == [b for _, b in expected]


def test_bit_sets_of_more_baskets_than_bits_of_a_number():
    contains = drawn(200, 9)
    sparse = csr_array(contains.astype(np.int32))
    sets = bit_sets(sparse)
    assert sets.shape == (9, 4)
    assert sizes(sets).tolist() == contains.sum(axis=0).tolist()
    both = sizes(sets[:, None] & sets[None])
    np.testing.assert_array_equal(both, pair_counts(sparse))
    np.testing.assert_array_equal(both[2, 5], (contains[:, 2] & contains[:, 5]).sum())
