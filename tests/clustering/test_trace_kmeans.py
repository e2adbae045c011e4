import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.cluster import KMeans

from stages.clustering import trace_kmeans
from stages.clustering.contracts import PROJECTION
from stages.clustering.trace_kmeans import kmeans, maximization, random_start
from stages.core.errors import StageError


def clouds(seed: int = 1) -> np.ndarray:
    """Four overlapping clouds of 25 points."""
    draw = np.random.default_rng(seed)
    centres = np.array([[0, 0], [3, 0], [0, 3], [4, 4]])
    return np.concatenate([centre + draw.normal(size=(25, 2)) for centre in centres])


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the stage on points, with changed parameters."""
    monkeypatch.chdir(tmp_path)

    def run(points: np.ndarray, /, method: str = "pca", **changes) -> dict:
        section = {
            "points": 200, "clusters": 4, "starts": 10, "bootstrap_samples": 50, "seed": 1,
            **changes,
        }  # fmt: skip
        Path("params.yaml").write_text(yaml.safe_dump({"clustering": {"trace_kmeans": section}}))
        names = [f"p{n}" for n in range(len(points))]
        columns = [names, [method] * len(names), *np.asarray(points, dtype=float).T]
        pq.write_table(pa.table(columns, schema=PROJECTION.schema), "projection.parquet")
        trace_kmeans.main(
            params="clustering.trace_kmeans",
            projection="projection.parquet",
            steps="steps.parquet",
            step_points="step_points.parquet",
            step_centres="step_centres.parquet",
            starts="starts.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )
        return json.loads(Path("metrics.json").read_text())

    return run


@pytest.mark.parametrize("seed", range(8))
def test_no_phase_raises_the_objective_and_the_end_is_that_of_scikit_learn(seed):
    points = clouds(seed)
    start = random_start(points, 4, [seed])
    steps = kmeans(points, start)
    objectives = np.array([value for step in steps for value in (step.expected, step.maximized)])
    assert (np.diff(objectives) <= 1e-12 * objectives[0]).all()
    assert objectives[-1] < objectives[0]
    reference = KMeans(4, init=start, n_init=1, tol=0).fit(points)
    assert objectives[-1] == pytest.approx(reference.inertia_, rel=1e-9)
    np.testing.assert_array_equal(steps[-1].clusters, reference.labels_)
    np.testing.assert_allclose(steps[-1].centres, reference.cluster_centers_)


def test_an_empty_cluster_keeps_its_centre():
    points, centres = np.array([[0.0, 0], [2, 0]]), np.array([[1.0, 0], [9, 9]])
    moved = maximization(points, np.array([0, 0]), centres)
    np.testing.assert_array_equal(moved, centres)
    assert kmeans(points, centres)[-1].maximized == 2


def test_the_tables_tell_the_run(run):
    points = clouds()
    metrics = run(points)
    first = {path.name: path.read_bytes() for path in Path().glob("*.parquet")}
    steps = pq.read_table("steps.parquet").to_pandas()
    assigned = pq.read_table("step_points.parquet").to_pandas()
    centres = pq.read_table("step_centres.parquet").to_pandas()
    assert metrics["steps"] == steps["step"].max() == assigned["step"].max() == len(steps) / 2
    assert centres["step"].tolist() == [n for n in range(metrics["steps"] + 1) for _ in range(4)]
    for step, own in assigned.groupby("step"):
        told = steps[steps["step"] == step].set_index("phase")["objective"]
        for phase, at in (("expectation", step - 1), ("maximization", step)):
            to = centres[centres["step"] == at].set_index("cluster").loc[own["cluster"]]
            distances = ((own[["x", "y"]].to_numpy() - to[["x", "y"]].to_numpy()) ** 2).sum()
            assert told[phase] == pytest.approx(distances)
    run(points)
    assert {path.name: path.read_bytes() for path in Path().glob("*.parquet")} == first


def test_the_starts_are_compared(run):
    metrics = run(clouds())
    starts = pq.read_table("starts.parquet").to_pandas()
    assert starts.groupby("start").size().to_dict() == {"random": 10, "k-means++": 10}
    assert starts["objective"][0] == metrics["last_objective"]
    ends = starts.groupby("start")["objective"]
    for start, key in (("random", "random"), ("k-means++", "plus_plus")):
        assert metrics[key]["lowest"] == ends.min()[start]
        assert metrics[key]["highest"] == ends.max()[start]
    best = starts["objective"].min() * 1.0001
    own = starts[starts["start"] == "random"]["objective"]
    assert metrics["random"]["reached_lowest"] == (own <= best).sum()
    low, high = metrics["random_above_plus_plus_interval"]
    means = ends.mean()
    assert metrics["random_above_plus_plus"] == pytest.approx(
        means["random"] / means["k-means++"] - 1
    )
    assert low <= metrics["random_above_plus_plus"] <= high


def test_more_points_than_asked_for_are_sampled(run):
    assert run(clouds(), points=30)["points"] == 30


def test_few_points_or_no_pca_are_an_error(run):
    with pytest.raises(
        StageError, match=r"has 3 different points, not enough for 4 clusters: lower"
    ):
        run(np.repeat([[0, 0], [1, 0], [0, 1]], 9, axis=0))
    with pytest.raises(StageError, match=r"has no points by PCA: add the section"):
        run(clouds(), method="tsne")
