import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from scipy.linalg import eigh
from scipy.spatial.distance import pdist
from sklearn.manifold import trustworthiness
from sklearn.metrics.pairwise import rbf_kernel

from stages.clustering import project
from stages.clustering.points import Points
from stages.clustering.projections import methods
from stages.clustering.projections.circle import circle, decompose
from stages.clustering.projections.methods import PROJECTIONS, oriented
from stages.clustering.projections.neighbourhoods import kept, ranks, score
from stages.core.errors import StageError

CENTRES = np.eye(6)[:3] * 5
SECTION = {
    "points": 100,
    "components": 4,
    "neighbours": 10,
    "scored_points": 100,
    "bootstrap_samples": 50,
    "seed": 1,
    "methods": {
        "pca": {},
        "kernel_pca": {"gamma": 0.1, "fitted_points": 100, "seed": 1},
        "lle": {"neighbours": 6, "regularization": 0.001, "fitted_points": 100, "seed": 1},
        "tsne": {"perplexity": 5, "seed": 1},
    },
}


def blobs() -> Points:
    """Three clouds of 20 points around three axes, named by their axis."""
    draw = np.random.default_rng(2)
    vectors = np.concatenate([centre + draw.normal(size=(20, 6)) * 0.3 for centre in CENTRES])
    names = [f"{axis}{n}" for n, axis in enumerate(axis for axis in "xyz" for _ in range(20))]
    return Points(names, [None] * 60, [None] * 60, vectors.astype(np.float32))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the stage on vectors, with changed parameters."""
    monkeypatch.chdir(tmp_path)

    def run(points: Points, /, **changes) -> dict:
        section = {**SECTION, **changes}
        Path("params.yaml").write_text(yaml.safe_dump({"clustering": {"project": section}}))
        pq.write_table(points.to_table(), "points.parquet")
        project.main(
            params="clustering.project",
            points="points.parquet",
            projection="projection.parquet",
            explained_variance="explained_variance.parquet",
            circle_steps="circle_steps.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )
        return json.loads(Path("metrics.json").read_text())

    return run


def of_vectors(vectors) -> Points:
    vectors = np.asarray(vectors, dtype=np.float32)
    nothing = [None] * len(vectors)
    return Points([f"p{n}" for n in range(len(vectors))], nothing, nothing, vectors)


def test_every_method_separates_the_clouds_in_equal_bytes(run):
    metrics = run(blobs())
    first = Path("projection.parquet").read_bytes()
    rows = pq.read_table("projection.parquet").to_pandas()
    assert rows.groupby("method", sort=False).size().to_dict() == dict.fromkeys(PROJECTIONS, 60)
    assert set(metrics["kept"]) == {*PROJECTIONS, "random"}
    for method, plane in rows.groupby("method"):
        axes = plane.assign(axis=plane["point"].str[0]).groupby("axis")[["x", "y"]]
        spread = axes.std().to_numpy().mean()
        pairs = pdist(axes.mean().to_numpy())
        assert pairs.min() > 3 * spread, method
        assert (plane[["x", "y"]].max() >= -plane[["x", "y"]].min()).all(), method
    for method in PROJECTIONS:
        low, high = metrics["kept"][method]["trustworthiness_interval"]
        assert low <= metrics["kept"][method]["trustworthiness"] <= high
    assert metrics["lowered"] == {}
    run(blobs())
    assert Path("projection.parquet").read_bytes() == first


def test_more_points_than_asked_for_are_sampled_and_counted(run):
    metrics = run(blobs(), points=40, scored_points=30)
    assert len(pq.read_table("projection.parquet")) == 40 * len(PROJECTIONS)
    assert (metrics["points"], metrics["scored_points"]) == (40, 30)
    assert metrics["dropped"] == {"not_sampled": 20}


def test_a_method_without_a_section_is_left_out(run):
    metrics = run(blobs(), methods={"pca": {}})
    assert set(metrics["kept"]) == {"pca", "random"}
    with pytest.raises(StageError, match=r"clustering\.project\.methods is empty: name at least"):
        run(blobs(), methods={})


@pytest.mark.parametrize("n", [3, 8])
def test_few_points_lower_what_is_too_large_and_say_so(run, n):
    few = np.random.default_rng(3).normal(size=(n, 5))
    metrics = run(
        of_vectors(few), methods={**SECTION["methods"], "tsne": {"perplexity": 30, "seed": 1}}
    )
    assert metrics["lowered"]["tsne"]["perplexity"] == pytest.approx((n - 1) / 3)
    assert metrics["lowered"].get("lle") == ({"neighbours": 2} if n == 3 else None)
    assert metrics["neighbours"] == (n - 1) // 2
    assert len(pq.read_table("projection.parquet")) == n * len(PROJECTIONS)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.eye(2, 4), r"points.parquet has 2 points, and a map needs 3"),
        (np.arange(5)[:, None], r"has vectors of 1 dimension, and a map needs 2"),
        (np.full((5, 4), 0.5), r"has 5 equal vectors, which no map tells apart"),
        (
            [[1, 2], [np.nan, 0], [3, 4], [np.inf, 1]],
            r"NaN or infinity in 2 vectors, first in row 1",
        ),
    ],
)
def test_vectors_that_cannot_be_projected_are_an_error(run, vectors, message):
    with pytest.raises(StageError, match=message):
        run(of_vectors(vectors))


def test_duplicates_and_points_on_a_line_have_finite_positions(run):
    draw = np.random.default_rng(4)
    twice = np.repeat(draw.normal(size=(10, 5)), 3, axis=0)
    line = draw.normal(size=(30, 1)) * np.ones(5)
    for vectors in (twice, line):
        run(of_vectors(vectors))
        rows = pq.read_table("projection.parquet").to_pandas()
        assert np.isfinite(rows[["x", "y"]]).all(axis=None)


def test_scores_are_those_of_scikit_learn():
    draw = np.random.default_rng(5)
    vectors, plane = draw.normal(size=(80, 7)), draw.normal(size=(80, 2))
    plane[:, 0] += 3 * vectors[:, 0]
    before, after = ranks(vectors), ranks(plane)
    own = kept(before, after, 9)
    assert own.shape == (80,)
    assert own.mean() == pytest.approx(trustworthiness(vectors, plane, n_neighbors=9))
    assert kept(after, before, 9).mean() == pytest.approx(
        trustworthiness(plane, vectors, n_neighbors=9)
    )


def test_a_copy_keeps_everything_and_is_the_best():
    vectors = np.random.default_rng(6).normal(size=(50, 2))
    noise = np.random.default_rng(7).normal(size=(50, 2))
    found = score(vectors, {"noise": noise, "copy": 2 * vectors + 1}, 5, 100, 1)
    assert found["copy"].trustworthiness == found["copy"].continuity == 1
    assert found["copy"].behind_best_interval == (0, 0)
    assert found["noise"].behind_best_interval[0] > 0.2


def test_kernel_pca_is_the_eigendecomposition_of_the_centred_kernel():
    vectors = blobs().vectors.astype(float)
    section = methods.KernelPcaParams(gamma=0.1, fitted_points=100, seed=1)
    found = oriented(methods.kernel_pca(vectors, section).positions)
    kernel = rbf_kernel(vectors, gamma=0.1)
    centring = np.eye(60) - 1 / 60
    values, axes = eigh(centring @ kernel @ centring)
    expected = oriented(axes[:, [-1, -2]] * np.sqrt(values[[-1, -2]]))
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_lle_unrolls_a_spiral():
    along = np.linspace(0, 1, 120)
    spiral = np.column_stack([along * np.cos(9 * along), along * np.sin(9 * along), 0 * along])
    section = methods.LleParams(neighbours=6, regularization=0.001, fitted_points=200, seed=1)
    first = methods.lle(spiral, section).positions[:, 0]
    assert abs(np.corrcoef(np.argsort(np.argsort(first)), along)[0, 1]) > 0.99


@pytest.mark.parametrize("method", ["kernel_pca", "lle"])
def test_points_beyond_the_fitted_ones_are_placed_among_them(method):
    vectors = blobs().vectors.astype(float)
    model, place = PROJECTIONS[method]
    section = model(**SECTION["methods"][method])
    half = place(vectors, section.model_copy(update={"fitted_points": 40})).positions
    axes = half.reshape(3, 20, 2)
    centres = axes.mean(axis=1)
    spread = np.linalg.norm(axes - centres[:, None], axis=2).max()
    assert spread < pdist(centres).min()


def test_explained_variance_is_that_of_the_covariance(run):
    points = blobs()
    run(points)
    rows = pq.read_table("explained_variance.parquet").to_pandas()
    values = np.linalg.eigvalsh(np.cov(points.vectors.astype(float).T))[::-1]
    assert rows["component"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(rows["share"], (values / values.sum())[:4])


def test_the_circle_is_rotated_stretched_and_rotated_back():
    draw = np.random.default_rng(8)
    vectors = draw.normal(size=(500, 3)) @ np.array([[2, 0.5, 0], [0, 0.5, 0], [0, 0, 0.1]])
    drawn = circle(vectors)
    steps, found = drawn.steps, drawn.metrics
    assert found.dimensions == (1, 2)
    for step in ("circle", "rotated"):
        np.testing.assert_allclose(np.linalg.norm(steps[step], axis=1), 1)
    # A rotation keeps the order of directions; a reflection would reverse it.
    angles = [np.unwrap(np.arctan2(*steps[step].T[::-1])) for step in ("circle", "rotated")]
    np.testing.assert_allclose(angles[0] - angles[1], np.radians(found.angle_degrees), atol=1e-9)
    # The whole is the square root of the covariance, up to its size.
    root = np.linalg.lstsq(steps["circle"], steps["rotated back"], rcond=None)[0]
    covariance = np.cov(vectors[:, :2].T)
    np.testing.assert_allclose(
        root @ root / np.trace(root @ root), covariance / np.trace(covariance)
    )
    rows = vectors[drawn.points][:, :2] - vectors[:, :2].mean(axis=0)
    np.testing.assert_allclose(rows / np.linalg.norm(rows, axis=1)[:, None], steps["circle"])


def test_decomposition_gives_the_points_back():
    plane = np.random.default_rng(9).normal(size=(30, 2))
    axes, lengths = decompose(plane)
    assert np.linalg.det(axes) == pytest.approx(1)
    np.testing.assert_allclose(axes.T @ np.diag(lengths**2) @ axes, plane.T @ plane)


def test_signs_of_axes_do_not_matter():
    positions = np.array([[1.0, -4], [-3, 2], [0, 0]])
    for signs in ([1, 1], [-1, 1], [1, -1], [-1, -1]):
        np.testing.assert_array_equal(oriented(positions * signs), [[-1, 4], [3, -2], [0, 0]])
