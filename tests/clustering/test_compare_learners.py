import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from scipy.stats import binom

from stages.clustering import compare_learners
from stages.clustering.compare_learners import holm, mcnemar
from stages.core.errors import StageError

N = 100
TRUTH = ["a", "b"] * (N // 2)


def write(learners: dict[str, tuple[float, int]], unscored: str | None) -> None:
    """Write predictions of classifiers: accuracy on validation, and how many are right on test."""
    params = {
        "clustering": {
            "compare_learners": {"bootstrap_samples": 200, "seed": 1},
            "train_learner": {name: {} for name in learners},
        }
    }
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for name, (validation, right) in learners.items():
        guesses = TRUTH[:right] + ["c"] * (N - right)
        Path(name).mkdir()
        table = {"point": [f"d{n}" for n in range(N)], "truth": TRUTH, "prediction": guesses}
        pq.write_table(pa.table(table), f"{name}/predictions.parquet")
        own = {
            "accuracy": right / N, "accuracy_interval": [0, 1], "macro_f1": 0.5, "chosen": {},
            "validation_accuracy": validation, "converged": True, "fitted_documents": 1,
            "cost": {"iterations": 1, "numbers": 1, "operations": 1},
        }  # fmt: skip
        metrics = {
            "kind": name, "documents": {}, "labels": 2, "unseen": 0, "majority": "a",
            "learner": None if unscored else own,
        } | ({"unscored": unscored} if unscored else {})  # fmt: skip
        Path(f"{name}.json").write_text(json.dumps(metrics))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the stage and returns its metrics."""
    monkeypatch.chdir(tmp_path)

    def run(learners: dict[str, tuple[float, int]], unscored: str | None = None) -> dict:
        write(learners, unscored)
        compare_learners.main(
            params="clustering.compare_learners",
            train_learner="clustering.train_learner",
            train_learner_metrics=".",
            train_learner_data=".",
            learners="learners.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )
        return json.loads(Path("metrics.json").read_text())

    return run


def test_the_best_is_chosen_on_validation_and_others_tested_against_it(run):
    metrics = run({"lucky": (0.7, 93), "best": (0.9, 90), "near": (0.8, 88), "far": (0.8, 60)})
    assert metrics["best"] == "best"
    # `lucky` is better on the test split, so it is not worse.
    assert metrics["no_worse"] == ["near", "lucky"]
    rows = {row["learner"]: row for row in pq.read_table("learners.parquet").to_pylist()}
    assert list(rows) == ["best", "near", "far", "lucky"]
    assert rows["far"]["p_value"] == pytest.approx(3 * 2 * 0.5**30)
    assert rows["far"]["behind"] == pytest.approx(0.3)
    assert rows["far"]["behind_low"] > 0
    assert rows["near"]["behind_low"] <= 0 <= rows["near"]["behind_high"]


def test_a_classifier_that_does_not_beat_the_majority_is_named(run):
    metrics = run({"good": (0.9, 90), "poor": (0.5, 50)})
    assert metrics["majority"]["accuracy"] == 0.5
    assert metrics["not_above_majority"] == ["poor"]


def test_without_labels_nothing_is_compared(run):
    metrics = run({"one": (0.5, 50)}, "the corpus has no labels")
    assert (metrics["best"], metrics["unscored"]) == (None, "the corpus has no labels")
    assert pq.read_table("learners.parquet").num_rows == 0


def test_no_classifier_is_an_error(run):
    with pytest.raises(StageError, match=r"clustering.train_learner is empty: add a section"):
        run({})


def test_mcnemar_counts_only_documents_on_which_two_differ():
    first = np.array([True] * 8 + [False] * 92)
    second = np.array([False] * 8 + [True] * 2 + [False] * 90)
    assert mcnemar(first, second) == pytest.approx(2 * binom.cdf(2, 10, 0.5))
    assert mcnemar(first, first) == 1


def test_holm_multiplies_by_the_tests_that_remain():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert holm([]) == []
