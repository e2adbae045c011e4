import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from stages.clustering import train_learner
from stages.clustering.learners.documents import by_split, weigh_words
from stages.clustering.learners.methods import LEARNERS, NearestNeighboursParams
from stages.clustering.points import Points
from stages.clustering.train_learner import LEVELS, top_of
from stages.core.errors import StageError

SECTIONS = {
    "nearest_neighbours": {"k": [1, None, 500]},
    "logistic_regression": {"c": [1, 10], "max_iterations": 100},
    "linear_svm": {"c": [1], "max_iterations": 1000, "seed": 1},
    "rbf_svm": {"c": [1, 10], "gamma": [0.5, 1], "fitted_documents": 100, "seed": 1},
    "decision_tree": {"max_leaves": [2, 3], "min_documents": 2, "seed": 1},
    "random_forest": {"min_leaf_documents": [1], "trees": 5, "seed": 1},
    "perceptron": {
        "alpha": [0.0001], "hidden_size": 8, "learning_rate": 0.02, "epochs": 40, "seed": 1
    },
}  # fmt: skip


def blobs() -> Points:
    """Three clouds of 30 documents around three axes, labelled by their axis, in three splits."""
    draw = np.random.default_rng(2)
    vectors = np.concatenate([axis + draw.normal(size=(30, 4)) * 0.1 for axis in np.eye(4)[:3]])
    labels = [axis for axis in "xyz" for _ in range(30)]
    splits = (["train"] * 18 + ["validation"] * 6 + ["test"] * 6) * 3
    return Points([f"d{n}" for n in range(90)], labels, splits, vectors.astype(np.float32))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the stage on documents, with changed parameters."""
    monkeypatch.chdir(tmp_path)

    def run(kind: str, points: Points | None = None, **changes) -> dict:
        points = points or blobs()
        section = {"kind": kind, **SECTIONS.get(kind, {}), **changes}
        params = {"clustering": {"train_learner": {"own": section}}}
        Path("params.yaml").write_text(yaml.safe_dump(params))
        pq.write_table(points.to_table(), "points.parquet")
        words = [["the", f"word_{label}"] for label in points.labels]
        pq.write_table(pa.table({"doc_id": points.names, "tokens": words}), "tokens.parquet")
        train_learner.main(
            params="clustering.train_learner.own",
            points="points.parquet",
            tokens="tokens.parquet",
            predictions="predictions.parquet",
            choices="choices.parquet",
            tree="tree.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )
        return json.loads(Path("metrics.json").read_text())

    return run


@pytest.mark.parametrize("kind", LEARNERS)
def test_every_classifier_tells_clouds_apart_in_equal_bytes(run, kind):
    metrics = run(kind)
    assert metrics["documents"] == {"train": 54, "validation": 18, "test": 18}
    assert metrics["learner"]["accuracy"] == 1
    assert metrics["learner"]["macro_f1"] == pytest.approx(1)
    predictions = pq.read_table("predictions.parquet").to_pylist()
    assert len(predictions) == 18
    assert all(row["truth"] == row["prediction"] for row in predictions)
    files = [Path(f"{name}.parquet").read_bytes() for name in ("predictions", "choices", "tree")]
    assert run(kind) == metrics
    assert files == [
        Path(f"{name}.parquet").read_bytes() for name in ("predictions", "choices", "tree")
    ]


def test_k_defaults_to_the_square_root_of_the_training_documents():
    params = NearestNeighboursParams(kind="nearest_neighbours", k=[150, None, 1, 7])
    assert params.candidates(100) == [{"k": 1}, {"k": 7}, {"k": 10}, {"k": 100}]


def test_every_combination_is_scored_on_validation(run):
    run("rbf_svm")
    choices = pd.read_parquet("choices.parquet")
    grid = choices.pivot(index="candidate", columns="parameter", values="value")
    assert sorted(grid.itertuples(index=False, name=None)) == [(1, 0.5), (1, 1), (10, 0.5), (10, 1)]


def test_values_are_chosen_on_validation_and_not_on_test(run):
    points = blobs()
    # In validation each document has the vector of a training document with another label, so that
    # a single neighbour is wrong there. In the test split one and nine neighbours are right, and
    # the first of equally good values would be 1.
    splits, labels = np.array(points.splits), np.array(points.labels)
    crowded = points.vectors.copy()
    crowded[(splits == "train") & (labels == "x")] = points.vectors[0]
    crowded[np.flatnonzero(splits == "train")[0]] = points.vectors[40]
    crowded[splits == "validation"] = points.vectors[40]
    labels[splits == "validation"] = "y"
    changed = points._replace(labels=labels.tolist(), vectors=crowded)
    metrics = run("nearest_neighbours", changed, k=[1, 9])
    assert metrics["learner"]["chosen"] == {"k": 9}
    accuracies = pd.read_parquet("choices.parquet").set_index("value")["validation_accuracy"]
    assert accuracies[9] > accuracies[1]


def test_the_cost_of_a_kernel_machine_counts_its_support_vectors(run):
    cost = run("rbf_svm", c=[1], gamma=[1])["learner"]["cost"]
    documents = by_split(blobs())["train"]
    model = SVC(C=1, gamma=1).fit(documents.vectors, documents.labels)
    vectors = int(model.n_support_.sum())
    assert cost["numbers"] == vectors * 4 + vectors * 2


def test_a_classifier_that_stops_early_says_so(run):
    assert run("perceptron", epochs=1)["learner"]["converged"] is False
    assert run("logistic_regression")["learner"]["converged"] is True


def test_the_tree_asks_about_words(run):
    run("decision_tree")
    nodes = pd.read_parquet("tree.parquet")
    asked = nodes.dropna(subset="word")
    assert set(asked["word"]) <= {"word_x", "word_y", "word_z"}
    for node in asked["node"]:
        children = nodes[nodes["parent"] == node]
        assert children["contains"].tolist() == [False, True]
        whole = nodes.loc[nodes["node"] == node, "documents"].item()
        assert children["documents"].sum() == whole
    assert nodes[nodes["word"].isna()]["share"].tolist() == [1, 1, 1]


def test_only_the_top_of_a_deep_tree_is_kept():
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 9, 400).astype(str)
    model = DecisionTreeClassifier(random_state=1).fit(draw.random((400, 5)), labels)
    nodes = top_of(model, np.array(list("abcde")))
    assert len(nodes) == 2 ** (LEVELS) - 1
    assert nodes["word"].notna().sum() == 2 ** (LEVELS - 1) - 1


def test_rare_words_are_left_out_unless_all_are_rare(tmp_path):
    tokens = tmp_path / "tokens.parquet"
    words = [["x", "x", "y"], ["x"], ["z"], ["y"]]
    pq.write_table(pa.table({"doc_id": list("abcd"), "tokens": words}), tokens)
    splits = ["train", "train", "validation", "test"]
    documents = by_split(Points(list("abcd"), ["l"] * 4, splits, np.eye(4)))
    assert weigh_words(tokens, documents, 2).words.tolist() == ["x"]
    # No word is in three training documents, and `x` is in most.
    assert weigh_words(tokens, documents, 3).words.tolist() == ["x"]
    assert weigh_words(tokens, documents, 1).words.tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([None] * 90, "the corpus has no labels"),
        (["one"] * 90, "the training split has 1 of the at least two labels that it needs"),
        ((["x"] * 9 + ["y"] * 9 + [None] * 6 + ["x"] * 6) * 3,
         "the validation split has no labelled document"),
        ((["x"] * 9 + ["y"] * 9 + ["x"] * 6 + [None] * 6) * 3,
         "the test split has no labelled document"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_said(run, labels, reason):
    metrics = run("rbf_svm", blobs()._replace(labels=labels))
    assert metrics["unscored"] == reason
    assert metrics["learner"] is None
    assert pq.read_table("predictions.parquet").num_rows == 0


@pytest.mark.parametrize("kind", LEARNERS)
def test_labels_seen_once_and_three_documents_are_classified(run, kind):
    points = blobs()
    rows = [0, 30, 60, 18, 24]
    labels = ["once", "other", "third", "once", "new"]
    few = Points(
        [points.names[row] for row in rows],
        labels,
        ["train"] * 3 + ["validation", "test"],
        points.vectors[rows],
    )
    metrics = run(kind, few)
    assert (metrics["unseen"], metrics["labels"]) == (1, 3)
    assert metrics["learner"]["accuracy"] == 0


@pytest.mark.parametrize("kind", [kind for kind, own in LEARNERS.items() if not own.reads_words])
def test_documents_with_equal_vectors_get_the_same_label(run, kind):
    run(kind, blobs()._replace(vectors=np.ones((90, 4), dtype=np.float32)))
    assert len(set(pq.read_table("predictions.parquet")["prediction"].to_pylist())) == 1


def test_a_kernel_machine_is_fitted_on_a_sample_of_many_documents(run):
    own = run("rbf_svm", fitted_documents=20)["learner"]
    assert own["fitted_documents"] == 20
    assert own["cost"]["numbers"] <= 20 * 4 + 20 * 2


def test_an_unknown_kind_or_parameter_is_an_error(run):
    with pytest.raises(StageError, match=r"own.kind is 'bayes'; there are: nearest_neighbours"):
        run("bayes")
    with pytest.raises(StageError, match=r"unknown parameter 'gama' \(did you mean 'gamma'\?\)"):
        run("rbf_svm", gama=[1])
    with pytest.raises(StageError, match=r"'c.0' is -1"):
        run("linear_svm", c=[-1])
