import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.metrics import adjusted_rand_score

from stages.clustering import compare_clusters
from stages.clustering.compare_clusters import adjusted_rand
from stages.core.bootstrap import resample

LABELS = [label for label in "abc" for _ in range(10)] * 3
SPLITS = [split for split in ("train", "validation", "test") for _ in range(30)]
DOCUMENTS = [f"d{n}" for n in range(90)]
TRUE = [label for label in (0, 1, 2) for _ in range(10)] * 3


def write(members: dict[str, list[int]], labels: list[str | None]) -> None:
    """Write what the stage reads: clusters of one embedding by each method, and labels."""
    params = {
        "clustering": {
            "compare_clusters": {"bootstrap_samples": 200, "seed": 1},
            "cluster": {name: {} for name in members},
        }
    }
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    tokens = {"doc_id": DOCUMENTS, "split": SPLITS, "label": pa.array(labels, pa.string())}
    pq.write_table(pa.table(tokens), "tokens.parquet")
    for number, (name, clusters) in enumerate(members.items()):
        Path(name).mkdir()
        table = {"embedding": ["lsa"] * 90, "point": DOCUMENTS, "cluster": clusters}
        pq.write_table(pa.table(table), f"{name}/members.parquet")
        score = {"score": 0.1 * (number + 1), "random": 0.0}
        own = {
            "points": 90, "fitted_points": 90, "clusters": 3, "noise": 0, "silhouettes": {},
            "eps": None, "converged": None, "stability": None, "silhouette": score,
            "davies_bouldin": None, "calinski_harabasz": None, "labelled_points": 90,
            "adjusted_rand": None, "normalized_mutual_info": None, "purity": None,
        }  # fmt: skip
        metrics = {"kind": "kmeans", "distance": None, "embeddings": {"lsa": own}}
        metrics["points"] = "words" if name == "words" else "documents"
        Path(f"{name}.json").write_text(json.dumps(metrics))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the stage and returns its metrics."""
    monkeypatch.chdir(tmp_path)

    def run(members: dict[str, list[int]], labels: list[str | None] = LABELS) -> dict:
        write(members, labels)
        compare_clusters.main(
            params="clustering.compare_clusters",
            clustering="clustering.cluster",
            tokens="tokens.parquet",
            cluster=".",
            cluster_metrics=".",
            agreement="agreement.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )
        return json.loads(Path("metrics.json").read_text())

    return run


def test_the_index_without_repeated_documents_is_that_of_scikit_learn():
    draw = np.random.default_rng(1)
    labels, clusters = draw.integers(0, 4, 50), draw.integers(-1, 5, 50)
    expected = adjusted_rand_score(labels, clusters)
    assert adjusted_rand(labels, clusters, np.ones((1, 50)))[0] == pytest.approx(expected)


def test_repeated_documents_do_not_raise_the_index():
    draw = np.random.default_rng(1)
    labels, clusters = draw.integers(0, 40, 80), draw.integers(0, 40, 80)
    draws = resample(80, 2000, 1)
    counts = np.apply_along_axis(np.bincount, 1, draws, minlength=80)
    ours = adjusted_rand(labels, clusters, counts).mean()
    naive = np.mean([adjusted_rand_score(labels[rows], clusters[rows]) for rows in draws])
    true = adjusted_rand_score(labels, clusters)
    assert abs(ours - true) < 0.02 < naive - true


def test_the_best_is_chosen_on_validation_and_judged_on_test(run):
    # Right in validation and wrong in the test split, and the other way round.
    shifted = TRUE[:60] + [0, 1, 2] * 10
    late = TRUE[:30] + [0, 1, 2] * 10 + TRUE[60:]
    metrics = run({"shifted": shifted, "late": late})
    assert metrics["best"] == {"method": "shifted", "embedding": "lsa"}
    assert metrics["validation"] == 1
    assert metrics["test"] == pytest.approx(adjusted_rand_score(LABELS[60:], shifted[60:]))
    low, high = metrics["test_interval"]
    assert low <= metrics["test"] <= high
    assert metrics["documents"] == {"test": 30, "train": 30, "validation": 30}
    assert metrics["no_worse"] == [{"method": "late", "embedding": "lsa"}]


def test_equal_clusters_are_tied_and_random_ones_are_not(run):
    random = np.random.default_rng(1).integers(0, 3, 90).tolist()
    metrics = run({"right": TRUE, "renamed": [2 - own for own in TRUE], "random": random})
    assert metrics["no_worse"] == [{"method": "renamed", "embedding": "lsa"}]
    rows = {row["method"]: row for row in pq.read_table("agreement.parquet").to_pylist()}
    assert rows["random"]["behind_low"] > 0


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([None] * 90, "the validation split has 0 of the at least two labels"),
        (["one"] * 90, "the validation split has 1 of the at least two labels"),
        (DOCUMENTS, "every label of the validation split has a single document"),
        (LABELS[:60] + [None] * 30, "the test split has 0 of the at least two labels"),
    ],
)
def test_without_labels_the_silhouette_decides(run, labels, reason):
    metrics = run({"first": TRUE, "second": TRUE}, labels)
    assert metrics["unscored"].startswith(reason)
    assert metrics["best"] == {"method": "second", "embedding": "lsa"}
    assert (metrics["test"], metrics["no_worse"]) == (None, [])


def test_clusters_of_words_are_not_compared(run):
    metrics = run({"words": TRUE})
    assert metrics["unscored"] == "no method clusters documents"
    assert metrics["best"] is None
    assert pq.read_table("agreement.parquet").num_rows == 0
