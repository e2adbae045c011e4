import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from stages.embedding.compare_embeddings import compare, verdicts
from stages.embedding.evaluation.items import score_analogies, score_outliers, score_similarity
from stages.embedding.evaluation.scores import NONE, samples, score
from stages.embedding.evaluation.space import space_of
from stages.embedding.models.model import Model

WORDS = ["north", "near_north", "east", "south"]
SPACE = space_of(Model(WORDS, np.array([[0, 2], [0.1, 1], [3, 0], [0, -1.0]]), {}, {}))


def pairs(*rows):
    return pd.DataFrame(rows, columns=["word_a", "word_b", "score"])


def test_the_same_order_as_peoples_scores_one():
    rated = pairs(("north", "near_north", 9), ("north", "east", 5), ("north", "south", 1))
    rows = score_similarity("test", rated, SPACE)
    assert score(rows, 100, 1).score == pytest.approx(1)


def test_uncovered_pairs_do_not_count_and_too_few_give_no_score():
    rated = pairs(("north", "near_north", 9), ("north", "up", 5), ("down", "south", 1))
    rows = score_similarity("test", rated, SPACE)
    assert len(rows) == 1
    assert score(rows, 100, 1) == NONE
    assert score(score_similarity("test", rated[1:], SPACE), 100, 1) == NONE


def test_equal_similarities_give_no_score_and_not_nan():
    rated = pairs(*[("north", "east", n) for n in range(4)])
    assert score(score_similarity("test", rated, SPACE), 100, 1) == NONE


def rows_of(prediction, target=None, measure="accuracy", test="t"):
    n = len(prediction)
    return pd.DataFrame(
        {"test": test, "measure": measure, "part": "", "item": [str(i) for i in range(n)],
         "target": target if target is not None else 1.0,
         "prediction": np.asarray(prediction, dtype=float)}
    )  # fmt: skip


def test_samples_are_spearmans_correlation():
    draw = np.random.default_rng(1)
    target, prediction = draw.integers(0, 9, 50).astype(float), draw.normal(size=50)
    rows = rows_of(prediction, target, "spearman")
    sampled = samples(rows, 20, 3)
    assert sampled[0] == pytest.approx(spearmanr(target, prediction).statistic)
    drawn = np.random.default_rng(3).integers(0, 50, (20, 50))[4]
    assert sampled[5] == pytest.approx(spearmanr(target[drawn], prediction[drawn]).statistic)


def test_interval_of_a_share_matches_its_standard_error():
    prediction = np.repeat([1, 0], [300, 700])
    value, low, high = score(rows_of(prediction), 2000, 1)
    error = 1.96 * np.sqrt(0.3 * 0.7 / 1000)
    assert value == pytest.approx(0.3)
    assert (low, high) == pytest.approx((0.3 - error, 0.3 + error), abs=0.004)


def test_analogies():
    vectors = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [0, -1, 0]], dtype=float)
    space = space_of(Model(["man", "king", "woman", "queen", "x"], vectors, {}, {}))
    questions = pd.DataFrame(
        [["man", "king", "woman", "queen", "royal"], ["king", "man", "queen", "x", "royal"],
         ["man", "king", "woman", "unknown", "royal"]],
        columns=["a", "b", "c", "d", "section"],
    )  # fmt: skip
    rows = score_analogies("analogies", questions, space)
    assert rows["prediction"].tolist() == [1, 0]
    assert rows["part"].tolist() == ["royal"] * 2
    assert len(score_analogies("analogies", questions[2:], space)) == 0


def test_the_least_similar_word_is_the_outlier():
    vectors = np.vstack([np.eye(2)[[0] * 4 + [1] * 4]]) + np.arange(8)[:, None] * 0.01
    words = [f"w{n}" for n in range(8)]
    labels = pd.DataFrame({"label": ["a"] * 4 + ["b"] * 4, "token": words})
    rows = score_outliers(labels, space_of(Model(words, vectors, {}, {})))
    assert len(rows) == 8
    assert rows["prediction"].tolist() == [1] * 8
    alike = score_outliers(labels, space_of(Model(words, np.eye(8), {}, {})))
    np.testing.assert_allclose(alike["prediction"], 1 / 5)
    assert len(score_outliers(labels[:0], space_of(Model(words, vectors, {}, {})))) == 0


def test_models_are_compared_on_the_items_that_all_cover():
    draw = np.random.default_rng(1)
    good, bad = draw.random(400) < 0.6, draw.random(400) < 0.3
    almost = good.copy()
    almost[:4] = ~almost[:4]
    models = {"good": rows_of(good), "almost": rows_of(almost), "bad": rows_of(bad)[:380]}
    table = compare(models, 500, 1)
    assert set(table["items"]) == {380}
    verdict = verdicts(table, {"t": "accuracy"})["t"]
    assert verdict["best"] in ("good", "almost")
    assert set([verdict["best"], *verdict["no_worse"]]) == {"good", "almost"}
    assert table.set_index("model")["score"]["bad"] == pytest.approx(bad[:380].mean())


def test_models_without_a_score_do_not_win():
    same, varied = np.zeros(5), np.arange(5.0)
    models = {
        "onehot": rows_of(same, varied, "spearman"),
        "dense": rows_of(varied, varied, "spearman"),
    }
    table = compare(models, 50, 1).set_index("model")
    assert np.isnan(table["score"]["onehot"])
    assert verdicts(table.reset_index(), {"t": "spearman"})["t"]["best"] == "dense"
    nothing = compare({"onehot": models["onehot"], "other": models["onehot"][:2]}, 50, 1)
    assert verdicts(nothing, {"t": "spearman"})["t"]["best"] is None
