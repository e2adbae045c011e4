import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from stages.clustering import cluster
from stages.clustering.clusterers import methods
from stages.clustering.clusterers.kmedians import kmedians
from stages.clustering.clusterers.methods import CLUSTERERS, AgglomerativeParams, knee, spread
from stages.clustering.clusterers.names import set_apart
from stages.clustering.clusterers.scores import agreement, inner_scores, purity, silhouette
from stages.clustering.clusterers.tree import top_of
from stages.clustering.points import Points
from stages.core.errors import StageError

SEEDED = {"seed": 1, "stability_runs": 1}
SECTIONS = {
    "kmeans": {"clusters": [2, 3, 4], "restarts": 2, **SEEDED},
    "kmedians": {"clusters": 3, "restarts": 3, "max_iterations": 20, **SEEDED},
    "agglomerative": {
        "clusters": [2, 3, 4], "linkage": "average", "distance": "cosine", "fitted_points": 100,
        "seed": 1,
    },
    "gaussian_mixture": {
        "clusters": 3, "covariance": "diag", "regularization": 0.001, "max_iterations": 50,
        **SEEDED,
    },
    "dbscan": {
        "distance": "euclidean", "min_points": 4, "eps": 0.4, "fitted_points": 100, "seed": 1
    },
    "hdbscan": {
        "distance": "manhattan", "min_cluster_size": 5, "min_points": 2, "fitted_points": 100,
        "seed": 1,
    },
}  # fmt: skip


def blobs() -> Points:
    """Three clouds of 20 points around three axes, named and labelled by their axis."""
    draw = np.random.default_rng(2)
    vectors = np.concatenate([axis + draw.normal(size=(20, 6)) * 0.05 for axis in np.eye(6)[:3]])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = [axis for axis in "xyz" for _ in range(20)]
    names = [f"{label}{n}" for n, label in enumerate(labels)]
    return Points(names, labels, ["train"] * 60, vectors.astype(np.float32))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the stage on documents, with changed parameters."""
    monkeypatch.chdir(tmp_path)

    def run(kind: str, own: Points | None = None, /, **changes) -> dict:
        own = own or blobs()
        section = {"kind": kind, "points": "documents", **SECTIONS.get(kind, {}), **changes}
        params = {"clustering": {"cluster": {"own": section}}, "embedding": {"lsa": {}}}
        Path("params.yaml").write_text(yaml.safe_dump(params))
        folder = Path("points/lsa")
        folder.mkdir(parents=True, exist_ok=True)
        for kind_of_points in ("words", "documents"):
            pq.write_table(own.to_table(), folder / f"{kind_of_points}.parquet")
        tokens = {"doc_id": own.names, "tokens": [["the", name[0]] for name in own.names]}
        pq.write_table(pa.table(tokens), "tokens.parquet")
        cluster.main(
            params="clustering.cluster.own",
            train_embedding="embedding",
            points="points",
            tokens="tokens.parquet",
            members="members.parquet",
            clusters="clusters.parquet",
            dendrogram="dendrogram.parquet",
            neighbour_distances="neighbour_distances.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )
        return json.loads(Path("metrics.json").read_text())["embeddings"]["lsa"]

    return run


@pytest.mark.parametrize("kind", CLUSTERERS)
def test_every_method_finds_clouds_and_names_them(run, kind):
    metrics = run(kind)
    assert metrics["clusters"] == 3
    assert metrics["noise"] == 0
    for score in ("adjusted_rand", "normalized_mutual_info", "purity"):
        assert metrics[score]["score"] == pytest.approx(1)
        assert metrics[score]["random"] < 0.6
    assert metrics["silhouette"]["score"] > 0.7 > 0.1 > metrics["silhouette"]["random"]
    for row in pq.read_table("clusters.parquet").to_pylist():
        axis = row["labels"][0]["label"]
        assert row["labels"] == [{"label": axis, "count": 20}]
        assert row["distinctive_words"][0] == axis
        assert {word[0] for word in row["central_words"] + row["central_points"]} == {axis}


@pytest.mark.parametrize("kind", ["kmeans", "agglomerative"])
def test_the_number_of_clusters_has_the_highest_silhouette(run, kind):
    silhouettes = run(kind)["silhouettes"]
    assert max(silhouettes, key=silhouettes.get) == "3"


def test_a_method_with_a_seed_has_a_stability(run):
    assert run("kmeans")["stability"] == 1
    assert run("dbscan")["stability"] is None


def test_words_are_named_by_words(run):
    run("kmeans", points="words")
    for row in pq.read_table("clusters.parquet").to_pylist():
        assert len({word[0] for word in row["distinctive_words"]}) == 1


def test_all_points_may_be_noise(run):
    metrics = run("dbscan", eps=0.001)
    assert (metrics["clusters"], metrics["noise"], metrics["silhouette"]) == (0, 60, None)
    assert metrics["adjusted_rand"] == {"score": 0, "random": 0}
    assert pq.read_table("clusters.parquet").num_rows == 0


def test_eps_is_the_knee_of_the_distances(run):
    metrics = run("dbscan", eps=None)
    distances = pd.read_parquet("neighbour_distances.parquet")["distance"]
    assert distances.is_monotonic_increasing
    assert metrics["eps"] in distances.to_numpy()


def test_the_knee_is_where_distances_turn_up():
    distances = np.concatenate([np.linspace(1, 1.1, 90), np.linspace(1.2, 5, 10)])
    assert knee(distances) == 89


@pytest.mark.parametrize(("name", "clusters"), [("lsa", 60), ("lsa", [2, 70])])
def test_more_clusters_than_points_are_an_error(run, name, clusters):
    with pytest.raises(
        StageError, match=r"documents.parquet has 60 points, too few for [67]0 clus"
    ):
        run("kmeans", clusters=clusters)


def test_three_documents_are_clustered_or_named_as_too_few(run):
    few = Points(*(own[18:21] for own in blobs()))
    assert run("kmeans", few, clusters=2)["clusters"] == 2
    assert run("dbscan", few)["points"] == 3
    assert run("hdbscan", few)["points"] == 3
    with pytest.raises(StageError, match="has 3 points, too few for 4 clusters: lower"):
        run("agglomerative", few)


def test_equal_vectors_are_an_error(run):
    points = blobs()._replace(vectors=np.ones((60, 6), dtype=np.float32))
    with pytest.raises(StageError, match="has 60 equal vectors"):
        run("kmeans", points)


def test_vectors_that_are_not_numbers_are_an_error(run):
    points = blobs()
    points.vectors[7, 3] = np.nan
    with pytest.raises(StageError, match="NaN or infinity in 1 vectors, first in row 7"):
        run("hdbscan", points)


def test_an_unknown_kind_is_an_error(run):
    with pytest.raises(StageError, match=r"clustering.cluster.own.kind is 'kmean'; there are: km"):
        run("kmean")


def test_a_list_without_numbers_of_clusters_is_an_error(run):
    with pytest.raises(StageError, match=r"own.clusters is \[\]: give one number from 2"):
        run("kmeans", clusters=[])


def test_labels_of_one_kind_or_seen_once():
    clusters = np.array([0, 0, 1, 1])
    assert agreement([None, "a", "a", "a"], clusters, 1) == {
        "labelled_points": 3,
        "adjusted_rand": None,
        "normalized_mutual_info": None,
        "purity": None,
    }
    assert agreement(["a", "b", "c", "d"], clusters, 1)["adjusted_rand"].score == 0


def test_a_hundred_thousand_labels_are_scored():
    labels = [str(n) for n in range(100_000)]
    found = agreement(labels, np.arange(100_000) % 50, 1)
    assert found["purity"].score == pytest.approx(50 / 100_000)
    assert found["adjusted_rand"].score == pytest.approx(0, abs=1e-3)


def test_purity_counts_the_most_frequent_labels():
    assert purity(np.array(list("aabbb")), np.array([0, 0, 0, 1, 1])) == 0.8


def test_points_in_no_cluster_have_no_silhouette():
    vectors = blobs().vectors.astype(np.float64)
    assigned = np.repeat([0, 1, -1], 20)
    expected = silhouette_score(vectors[:40], assigned[:40])
    assert silhouette(vectors, assigned, 1) == pytest.approx(expected)
    assert inner_scores(vectors, assigned, 1)["silhouette"].score == pytest.approx(expected)
    assert silhouette(vectors, np.zeros(60, dtype=int), 1) is None


def test_kmedians_minimizes_absolute_differences():
    draw = np.random.default_rng(3)
    vectors = np.concatenate([draw.laplace(size=(40, 4)), draw.laplace(size=(40, 4)) + 9])
    found = kmedians(vectors, 2, 3, 50, 1)
    assert found.converged
    assert adjusted_rand_score(np.repeat([0, 1], 40), found.assigned) == 1
    own = np.array([np.median(vectors[found.assigned == n], axis=0) for n in range(2)])
    np.testing.assert_allclose(found.medians, own)
    assert found.objective == pytest.approx(np.abs(vectors - own[found.assigned]).sum())
    means = KMeans(2, random_state=1).fit(vectors).cluster_centers_
    nearest = np.abs(vectors[:, None] - means).sum(axis=2).min(axis=1)
    assert found.objective < nearest.sum()


def test_kmedians_refills_empty_clusters():
    vectors = np.repeat(np.eye(3), [30, 1, 1], axis=0)
    assert set(kmedians(vectors, 3, 1, 20, 5).assigned) == {0, 1, 2}


def test_a_tree_cut_anywhere_is_that_of_scipy_and_scikit_learn(run):
    draw = np.random.default_rng(4)
    vectors = draw.normal(size=(80, 5))
    section = {**SECTIONS["agglomerative"], "distance": "euclidean", "kind": "agglomerative"}
    for number in (2, 5, 11):
        params = AgglomerativeParams(points="words", **{**section, "clusters": number})
        found = CLUSTERERS["agglomerative"][1](vectors, params).assigned
        theirs = fcluster(linkage(vectors, "average"), number, "maxclust")
        assert adjusted_rand_score(found, theirs) == 1
        theirs = AgglomerativeClustering(number, linkage="average").fit_predict(vectors)
        assert adjusted_rand_score(found, theirs) == 1


def test_clusters_that_have_lost_all_points_are_left_out(run):
    vectors = np.repeat(np.eye(6, dtype=np.float32)[:3], 20, axis=0)
    for kind in ("kmeans", "gaussian_mixture", "kmedians"):
        metrics = run(kind, blobs()._replace(vectors=vectors), clusters=5)
        sizes = pq.read_table("clusters.parquet")["size"].to_pylist()
        assert len(sizes) == metrics["clusters"] <= 5
        assert min(sizes) > 0


def test_a_silhouette_of_zero_is_above_a_negative_one(monkeypatch):
    found = iter([-0.5, 0.0])
    monkeypatch.setattr(methods, "silhouette", lambda *_: next(found))
    section = {**SECTIONS["kmeans"], "clusters": [2, 3], "kind": "kmeans", "points": "words"}
    clustering = methods.kmeans(blobs().vectors.astype(float), methods.KMeansParams(**section))
    assert clustering.assigned.max() + 1 == 3


def test_fewer_fitted_points_than_clusters_are_an_error(run):
    with pytest.raises(StageError, match=r"own.fitted_points is 4, too few for 4 clusters"):
        run("agglomerative", fitted_points=4)


def test_ward_needs_the_euclidean_distance(run):
    assert run("agglomerative", linkage="ward", distance="euclidean")["purity"]["score"] == 1
    with pytest.raises(StageError, match=r"own.linkage is ward, which needs .*: it is cosine"):
        run("agglomerative", linkage="ward")


def test_the_top_of_the_tree_contains_all_points(run):
    points = blobs()
    params = AgglomerativeParams(kind="agglomerative", points="words", **SECTIONS["agglomerative"])
    merges = CLUSTERERS["agglomerative"][1](points.vectors.astype(float), params).merges
    tree = top_of(merges, points, points)
    root = tree[tree["parent"].isna()]
    assert root["size"].tolist() == [60]
    assert root["distance"].item() == merges.distances.max()
    children = tree.dropna().groupby("parent")
    for parent, own in children:
        assert own["size"].sum() <= tree.loc[parent, "size"]
        assert own["distance"].max() <= tree.loc[parent, "distance"]
    clouds = tree[(tree["size"] >= 18) & (tree["size"] <= 20)]
    assert {words[0][0] for words in clouds["central_words"]} == set("xyz")


def test_points_that_were_not_fitted_follow_their_neighbour():
    vectors = np.array([[0.0], [1], [0.1], [0.9]])
    assert spread(vectors, np.array([0, 1]), np.array([5, -1])).tolist() == [5, -1, 5, -1]


def test_a_word_between_two_clusters_does_not_set_one_apart():
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]])
    points = Points(["right", "rather", "up", "mostly"], [None] * 4, [None] * 4, vectors)
    found = set_apart(points, np.array([0, 0, 1, 1]), np.eye(2))
    assert found == [["right", "rather"], ["up", "mostly"]]
