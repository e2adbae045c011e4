import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from stages.clustering import cluster, embed_documents
from stages.clustering.contracts import POINTS
from stages.clustering.embed_documents import average_documents
from stages.clustering.points import Points, read
from stages.core.errors import StageError
from stages.core.vectors import to_column

CENTRES = np.eye(6)[:3] * 5


@pytest.fixture
def blobs(tmp_path, monkeypatch):
    """Three clouds of 20 points around three axes, labelled by their axis."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(2)
    vectors = np.concatenate([centre + draw.normal(size=(20, 6)) * 0.3 for centre in CENTRES])
    labels = [axis for axis in "xyz" for _ in range(20)]
    names = [f"{label}{n}" for n, label in enumerate(labels)]
    points = Points(names, labels, vectors.astype(np.float32))
    pq.write_table(points.to_table(), "points.parquet")
    return points


def params(**sections):
    Path("params.yaml").write_text(yaml.safe_dump({"clustering": sections}))


def run_cluster(**changes):
    params(cluster={"blobs": {"clusters": 3, "restarts": 2, "seed": 1, **changes}})
    cluster.main(
        params="clustering.cluster.blobs",
        points="points.parquet",
        words="points.parquet",
        members="members.parquet",
        clusters="clusters.parquet",
        metrics="metrics.json",
        validation="validation.json",
    )
    return json.loads(Path("metrics.json").read_text())


def test_clouds_are_found_and_named(blobs):
    metrics = run_cluster()
    assert metrics["adjusted_rand"] == 1
    assert metrics["normalized_mutual_info"] == pytest.approx(1)
    assert metrics["silhouette"] > 0.7
    named = pq.read_table("clusters.parquet").to_pylist()
    assert sorted(row["size"] for row in named) == [20, 20, 20]
    assert {row["name"].replace(",", "")[0] for row in named} == set("xyz")
    for row in named:
        assert len({word[0] for word in row["name"].split(", ")}) == 1


def test_points_without_labels_have_no_agreement(blobs):
    pq.write_table(blobs._replace(labels=[None] * 60).to_table(), "points.parquet")
    assert run_cluster()["adjusted_rand"] is None


def test_too_many_clusters_are_an_error(blobs):
    with pytest.raises(StageError, match=r"has 60 points, not enough for 60 clusters"):
        run_cluster(clusters=60)


def test_skipping_the_whole_vocabulary_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vectors = {"token": ["a", "b"], "count": [2, 1], "vector": to_column(np.eye(2))}
    pq.write_table(pa.table(vectors), "vectors.parquet")
    params(embed_documents={"words": 5, "skip_words": 2, "smoothing": 0.001})
    with pytest.raises(StageError, match=r"has 2 words, and none is left after skipping 2"):
        embed_documents.main(
            params="clustering.embed_documents",
            tokens="vectors.parquet",
            vectors="vectors.parquet",
            words="words.parquet",
            documents="documents.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )


def test_document_is_the_weighted_average_minus_the_mean():
    vectors = np.array([[1.0, 0], [0, 1]])
    documents = [["a", "b", "unknown"], ["a"], ["unknown"]]
    averages = average_documents(documents, {"a": 0, "b": 1}, vectors, np.array([0.1, 0.3]), 0.1)
    # The weights are 0.5 and 0.25.
    both, single = np.array([0.25, 0.125]), np.array([0.5, 0])
    mean = (both + single) / 2
    np.testing.assert_allclose(averages, [both - mean, single - mean, [0, 0]])


def test_points_table_round_trip(blobs):
    points = read(Path("points.parquet"))
    assert (points.names, points.labels) == (blobs.names, blobs.labels)
    np.testing.assert_array_equal(points.vectors, blobs.vectors)
    assert pq.read_schema("points.parquet").names == POINTS.schema.names
