import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from stages.clustering import draw_regions
from stages.clustering.draw_regions import grid_over
from stages.clustering.points import Points
from stages.core.errors import StageError

SECTIONS = {
    "near": {"kind": "nearest_neighbours", "k": [1]},
    "line": {"kind": "linear_svm", "c": [1], "max_iterations": 1000, "seed": 1},
}


def blobs() -> Points:
    """Three clouds around three axes, the first the largest, in three splits."""
    draw = np.random.default_rng(2)
    sizes = {"x": 50, "y": 40, "z": 10}
    vectors = np.concatenate(
        [axis + draw.normal(size=(n, 4)) * 0.05
         for axis, n in zip(np.eye(4), sizes.values(), strict=False)]
    )  # fmt: skip
    labels = [label for label, n in sizes.items() for _ in range(n)]
    splits = ["train", "train", "train", "validation", "test"] * 20
    return Points([f"d{n}" for n in range(100)], labels, splits, vectors.astype(np.float32))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the stage on documents, with changed parameters."""
    monkeypatch.chdir(tmp_path)

    def run(points: Points | None = None, chosen: int = 1, **changes) -> dict:
        points = points or blobs()
        section = {"labels": 2, "grid": 9, "points": 20, "seed": 1, **changes}
        params = {"clustering": {"draw_regions": section, "train_learner": SECTIONS}}
        Path("params.yaml").write_text(yaml.safe_dump(params))
        pq.write_table(points.to_table(), "points.parquet")
        for name, values in (("near", {"k": chosen}), ("line", {"c": 1})):
            own = {
                "accuracy": 1, "accuracy_interval": [0, 1], "macro_f1": 1, "chosen": values,
                "validation_accuracy": 1, "converged": True, "fitted_documents": 1,
                "cost": {"iterations": 1, "numbers": 1, "operations": 1},
            }  # fmt: skip
            metrics = {
                "kind": name, "documents": {}, "labels": 3, "unseen": 0, "majority": "x",
                "learner": own,
            }  # fmt: skip
            Path(f"{name}.json").write_text(json.dumps(metrics))
        draw_regions.main(
            params="clustering.draw_regions",
            train_learner="clustering.train_learner",
            points="points.parquet",
            train_learner_metrics=".",
            regions="regions.parquet",
            plane="plane.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )
        return json.loads(Path("metrics.json").read_text())

    return run


def test_the_regions_of_the_most_frequent_labels_are_drawn(run):
    metrics = run()
    assert metrics["labels"] == ["x", "y"]
    assert metrics["accuracy"] == {"line": 1, "near": 1}
    assert metrics["majority"] == pytest.approx(10 / 18)
    regions = pd.read_parquet("regions.parquet")
    assert regions.groupby("learner").size().to_dict() == {"line": 81, "near": 81}
    assert set(regions["label"]) == {"x", "y"}
    plane = pd.read_parquet("plane.parquet")
    assert len(plane) == 20
    # Two clouds lie apart along the first component, and so do their regions.
    side = plane.groupby("label")["x"].mean()
    for _, own in regions.groupby("learner"):
        left = own.loc[own["x"] == own["x"].min(), "label"].unique().tolist()
        assert left == [side.idxmin()]


def test_more_neighbours_than_documents_on_the_plane_are_lowered(run):
    assert set(run(chosen=500)["accuracy"]) == {"line", "near"}


def test_a_grid_covers_the_positions():
    grid = grid_over(np.array([[0.0, 0], [1, 2]]), 3)
    assert grid.shape == (9, 2)
    np.testing.assert_allclose([grid.min(axis=0), grid.max(axis=0)], [[-0.05, -0.1], [1.05, 2.1]])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": [None] * 100}, "the corpus has no labels"),
        ({"vectors": np.ones((100, 1), dtype=np.float32)}, "the vectors have 1 dimension"),
        ({"vectors": np.ones((100, 4), dtype=np.float32)}, "the vectors are equal"),
    ],
)
def test_what_cannot_be_drawn_is_said(run, changes, reason):
    metrics = run(blobs()._replace(**changes))
    assert metrics["unscored"] == reason
    assert pq.read_table("regions.parquet").num_rows == 0


def test_a_mistyped_section_of_a_classifier_is_an_error(run, monkeypatch):
    monkeypatch.setitem(SECTIONS, "line", {**SECTIONS["line"], "kind": "linear"})
    with pytest.raises(StageError, match=r"clustering.train_learner.line.kind is 'linear'; there"):
        run()
