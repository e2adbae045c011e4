import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from stages.clustering import predict_number
from stages.clustering.points import Points
from stages.core.errors import StageError

SPLITS = (["train"] * 3 + ["test"]) * 20
DRAW = np.random.default_rng(1)
VECTORS = DRAW.normal(size=(80, 3)).astype(np.float32)
EXACT = (VECTORS @ np.array([2.0, -1.0, 0.5])).round(6)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the stage on documents with labels and lengths."""
    monkeypatch.chdir(tmp_path)

    def run(labels: list[str | None], target: str | None = None, **changes) -> dict:
        section = {"target": target, "bootstrap_samples": 100, "seed": 1}
        Path("params.yaml").write_text(yaml.safe_dump({"clustering": {"predict_number": section}}))
        names = [f"d{n}" for n in range(80)]
        points = Points(names, labels, SPLITS, VECTORS)._replace(**changes)
        pq.write_table(points.to_table(), "points.parquet")
        tokens = {"doc_id": names, "tokens": [["w"] * (n % 7 + 1) for n in range(80)]}
        pq.write_table(pa.table(tokens), "tokens.parquet")
        predict_number.main(
            params="clustering.predict_number",
            points="points.parquet",
            tokens="tokens.parquet",
            numbers="numbers.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )
        return json.loads(Path("metrics.json").read_text())

    return run


def test_numeric_labels_that_are_linear_are_predicted(run):
    metrics = run([str(number) for number in EXACT])
    assert metrics["target"] == "label"
    assert metrics["scores"]["r2"] == pytest.approx(1)
    assert metrics["scores"]["mean_absolute_error"] == pytest.approx(0, abs=1e-5)
    assert metrics["scores"]["mean_absolute_error_of_mean"] > 0.5
    rows = pq.read_table("numbers.parquet").to_pydict()
    np.testing.assert_allclose(rows["prediction"], rows["truth"], atol=1e-4)
    assert len(rows["point"]) == 20


@pytest.mark.parametrize("labels", [["good", "bad"] * 40, ["0", "1"] * 40, [None] * 80])
def test_lengths_are_predicted_where_labels_are_classes(run, labels):
    metrics = run(labels)
    assert metrics["target"] == "tokens"
    assert metrics["documents"] == {"test": 20, "train": 60}
    low, high = metrics["scores"]["r2_interval"]
    assert low <= metrics["scores"]["r2"] <= high


def test_documents_without_a_numeric_label_do_not_count(run):
    labels = [None if n < 4 else str(number) for n, number in enumerate(EXACT)]
    assert run(labels)["documents"] == {"test": 19, "train": 57}


def test_the_target_can_be_named(run):
    assert run(["0", "1"] * 40, "label")["target"] == "label"
    assert run([str(number) for number in EXACT], "tokens")["target"] == "tokens"
    with pytest.raises(StageError, match=r"predict_number.target is label, but the corpus has no"):
        run(["good"] * 80, "label")


def test_labels_that_are_infinite_are_not_numbers(run):
    assert run(["inf", "1", "2", "3"] * 20)["target"] == "tokens"


def test_a_split_without_different_numbers_is_not_scored(run):
    metrics = run([None] * 80, splits=["train"] * 80)
    assert metrics["unscored"] == "the test split has fewer than two different numbers"
    assert pq.read_table("numbers.parquet").num_rows == 0
