from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse

from stages.core.errors import StageError
from stages.embedding.models.glove import (
    Entries,
    GloveParams,
    Weights,
    arrange,
    groups_for,
    initial_weights,
    train_epoch,
    train_glove,
)

from .conftest import SECTIONS, NoCheckpoint, write_tokens


def random_counts(n_words):
    draw = np.random.default_rng(1)
    counts = np.exp(draw.normal(size=(n_words, n_words))) * (draw.random((n_words, n_words)) < 0.3)
    return scipy.sparse.csr_array(counts.astype(np.float32))


def cost(weights, row, column, log, scale):
    """Equation 8 of the paper for one count, in double precision."""
    main, context, main_bias, context_bias = (values.astype(np.float64) for values in weights)
    difference = (
        main[row, 0] @ context[column, 0] + main_bias[row, 0] + context_bias[column, 0] - log
    )
    return scale * difference**2


def test_a_step_follows_the_negative_gradient():
    weights = initial_weights(3, 4, seed=2)
    for values in weights:
        values[:, 0] *= 3
    row, column, log, scale = 2, 1, 1.5, 0.7
    gradients = []
    for part, (values, index) in enumerate(zip(weights, (row, column, row, column), strict=True)):
        gradient = np.zeros_like(values[index, 0], dtype=np.float64)
        for element in np.ndindex(gradient.shape):
            costs = []
            for step in (1e-3, -1e-3):
                shifted = [array.astype(np.float64) for array in weights]
                shifted[part][(index, 0, *element)] += step
                costs.append(cost(Weights(*shifted), row, column, log, scale))
            gradient[element] = (costs[0] - costs[1]) / 2e-3
        gradients.append(gradient)
    before = [values.copy() for values in weights]
    entry = Entries(
        np.array([row], np.int32), np.array([column], np.int32), np.array([log], np.float32),
        np.array([scale], np.float32), np.array([0, 1]),
    )  # fmt: skip
    with ThreadPoolExecutor(1) as pool:
        actual = train_epoch(entry, weights, 0.01, 1, pool, 1)
    assert actual == pytest.approx(cost(Weights(*before), row, column, log, scale), rel=1e-5)
    for old, new, index, gradient in zip(
        before, weights, (row, column, row, column), gradients, strict=True
    ):
        # The sums of squared gradients are 1 before the step; the update omits the factor 2.
        step = (old - new)[index, 0] / 0.01
        np.testing.assert_allclose(step, gradient / 2, rtol=2e-3, atol=1e-5)
        np.testing.assert_allclose(new[index, 1], 1 + (gradient / 2) ** 2, rtol=2e-3)
        others = np.delete(np.arange(3), index)
        np.testing.assert_array_equal(old[others], new[others])


def test_every_count_occurs_once_in_its_block():
    counts = random_counts(50)
    entries = arrange(counts, 2.0, 0.75, 4, seed=3)
    restored = scipy.sparse.coo_array(
        (np.exp(entries.logs), (entries.rows, entries.columns)), shape=counts.shape
    )
    np.testing.assert_allclose(restored.toarray(), counts.toarray(), rtol=1e-5)
    np.testing.assert_allclose(
        entries.scales, np.minimum((np.exp(entries.logs) / 2) ** 0.75, 1), rtol=1e-5
    )
    blocks = np.repeat(np.arange(16), np.diff(entries.bounds))
    np.testing.assert_array_equal(blocks // 4, entries.rows % 4)
    np.testing.assert_array_equal(blocks % 4, entries.columns % 4)
    order = [(entries.rows == row).argmax() for row in range(0, 50, 4)]
    assert order != sorted(order), "rows come in random order"


def test_threads_do_not_change_a_byte():
    counts = random_counts(200)
    entries = arrange(counts, 2.0, 0.75, 8, seed=3)
    results = []
    for workers in (1, 3):
        weights = initial_weights(200, 10, seed=1)
        with ThreadPoolExecutor(workers) as pool:
            costs = [train_epoch(entries, weights, 0.05, n, pool, workers) for n in range(4)]
        assert costs[-1] < costs[0]
        results.append((costs, weights))
    assert results[0][0] == results[1][0]
    for one, three in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(one, three)


def test_groups_follow_the_vocabulary():
    assert [groups_for(n) for n in (3, 500, 40_000, 10**6)] == [3, 8, 9, 64]


def test_dot_products_become_log_counts(text):
    text, words = text
    params = GloveParams(**{**SECTIONS["glove"], "epochs": 200, "learning_rate": 0.1})
    model = train_glove(text, words, params, 1, NoCheckpoint())
    t = model.tensors
    row, column = t["sample_row"], t["sample_column"]
    dots = (t["output"][row] * t["context"][column]).sum(axis=1) + t["bias"][row]
    dots += t["context_bias"][column]
    assert np.corrcoef(dots, np.log(t["sample_count"]))[0, 1] > 0.95
    np.testing.assert_array_equal(model.vectors, t["output"] + t["context"])
    assert model.facts["cost"][-1] < model.facts["cost"][0] / 5


def test_a_text_without_cooccurrences_is_an_error(folder, text):
    write_tokens("tokens.parquet", [["w1"], ["w2"]], ["train"] * 2)
    with pytest.raises(StageError, match="no two words occur near each other"):
        train_glove(*text, GloveParams(**SECTIONS["glove"]), 1, NoCheckpoint())


def test_a_cost_that_is_not_finite_stops_training(text):
    params = GloveParams(**{**SECTIONS["glove"], "learning_rate": 1e30, "epochs": 9})
    with pytest.raises(StageError, match=r"the cost is (nan|inf) in epoch \d: lower learning_rate"):
        train_glove(*text, params, 1, NoCheckpoint())
