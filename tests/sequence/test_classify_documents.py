import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from stages.sequence.documents import numbered, read_labelled
from stages.sequence.training import load_model

from stages.core.errors import StageError
from stages.core.vectors import to_column
from stages.sequence import classify_documents, score_document_baselines
from stages.sequence.classify_documents import (
    UNSEEN_LABEL,
    DocumentModel,
    Split,
    batches,
    count_occurrences,
    evidence,
    log_odds,
    read_vectors,
    to_split,
)

SECTION = {
    "tune_vectors": False,
    "max_words": 12,
    "explained_documents": 4,
    "explaining_words": 2,
    "hidden_size": 12,
    "layers": 1,
    "dropout": {"before": 0.0, "between": 0.0, "after": 0.0},
    "batch_size": 8,
    "learning_rate": 0.02,
    "learning_rate_decay": "linear",
    "gradient_norm": 1.0,
    "epochs": 6,
    "patience": 6,
    "device": "cpu",
    "seed": 1,
}
OUTPUTS = ["model.safetensors", "confusion.parquet", "moved_words.parquet", "curve.csv",
           "metrics.json", "checked.json"]  # fmt: skip
FILLERS = [f"filler{i}" for i in range(20)]


def write(folder: Path, rows: list[tuple[str, list[str], str | None]]) -> None:
    """Write the tables `tokens` and `vectors`, given split, words and label of each document."""
    splits, tokens, labels = map(list, zip(*rows, strict=True))
    ids = [f"d{i}" for i in range(len(rows))]
    columns = {"doc_id": ids, "split": splits, "tokens": tokens, "label": labels}
    schema = pa.schema([("doc_id", pa.string()), ("split", pa.string()),
                        ("tokens", pa.list_(pa.string())), ("label", pa.string())])  # fmt: skip
    pq.write_table(pa.table(columns, schema), folder / "tokens.parquet")
    words = sorted({word for document in tokens for word in document})
    vectors = np.random.default_rng(0).normal(size=(len(words), 8))
    pq.write_table(
        pa.table({"token": words, "vector": to_column(vectors)}), folder / "vectors.parquet"
    )


def documents(labels: list[str], n: int, split: str) -> list[tuple[str, list[str], str]]:
    """Return documents of fillers with one word that tells the label."""
    draw = np.random.default_rng([len(split), *map(ord, labels[0])])
    rows = []
    for i in range(n):
        label = labels[i % len(labels)]
        words = [*draw.choice(FILLERS, draw.integers(3, 9)), f"sign_{label}"]
        rows.append((split, [str(word) for word in draw.permutation(words)], label))
    return rows


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Run the stage on the tables in the folder."""
    monkeypatch.chdir(tmp_path)

    def run(cell="gru", **changes):
        section = {"sequence": {"classify_documents": {**SECTION, **changes}}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(section))
        inputs = ["tokens.parquet", "vectors.parquet"]
        classify_documents.main(
            [cell, *inputs, *OUTPUTS, "--params", "sequence.classify_documents"]
        )
        return [(tmp_path / name).read_bytes() for name in OUTPUTS]

    return run


def run_baselines(folder: Path) -> dict:
    section = {"sequence": {"document_baselines": {"c": [1, 100]}}}
    (folder / "params.yaml").write_text(yaml.safe_dump(section))
    score_document_baselines.main(
        ["tokens.parquet", "baselines.json", "--params", "sequence.document_baselines"]
    )
    return json.loads((folder / "baselines.json").read_text())


def test_evidence_by_hand():
    # 3 documents of one class, 1 of the other; a word in 2 of the first, and in the second.
    r = evidence(torch.tensor([2.0, 1.0]), torch.tensor([3.0, 1.0]))
    first = ((2 + 0.75) / (3 + 0.75)) / ((1 + 0.25) / (1 + 0.25))
    second = ((1 + 0.25) / (1 + 0.25)) / ((2 + 0.75) / (3 + 0.75))
    torch.testing.assert_close(r.exp(), torch.tensor([first, second]))
    nothing = evidence(torch.tensor([0.0, 0.0, 0.0]), torch.tensor([5.0, 3.0, 0.0]))
    torch.testing.assert_close(nothing, torch.zeros(3))
    alone = evidence(torch.tensor([2.0, 0.0]), torch.tensor([4.0, 0.0]))
    torch.testing.assert_close(alone, torch.zeros(2))


def test_evidence_of_a_training_document_does_not_count_itself():
    words = [[1, i % 5 + 1, 6 + i] for i in range(30)]
    classes = [i % 3 for i in range(29)] + [3]  # the last label is seen once
    split = Split([torch.tensor(own) for own in words], torch.tensor(classes))
    occurrences = count_occurrences(split, 36, 4, 1)
    assert torch.equal(occurrences.documents.sum(0), torch.tensor(classes).bincount().float())
    params = classify_documents.ClassifyDocumentsParams(**{**SECTION, "batch_size": 7})
    seen = []
    for documents, _, own_classes, own in batches(split, occurrences, params, 1):
        assert torch.isfinite(own).all()
        for column, document in enumerate(documents.T.tolist()):
            place = words.index(document)
            seen.append(place)
            assert own_classes[column] == classes[place]
            others = [i for i in range(30) if occurrences.part[i] != occurrences.part[place]]
            assert place not in others
            assert len(others) == 27
            with_word = [
                [sum(word in words[i] for i in others if classes[i] == c) for c in range(4)]
                for word in document
            ]
            of_classes = [sum(classes[i] == c for i in others) for c in range(4)]
            expected = evidence(torch.tensor(with_word).float(), torch.tensor(of_classes).float())
            torch.testing.assert_close(own[:, column], expected)
    assert sorted(seen) == list(range(30))


@pytest.mark.parametrize("cell", ["rnn", "lstm_peephole"])
def test_padding_changes_nothing(cell):
    torch.manual_seed(0)
    arguments = {"words": [""] * 9, "classes": ["a", "b", "c"], "dimensions": 4,
                 "tune_vectors": True, "hidden_size": 5, "layers": 2,
                 "dropout": (0.0, 0.0, 0.0)}  # fmt: skip
    model = DocumentModel(cell, **arguments)
    torch.nn.init.normal_(model.vectors)
    texts = [torch.randint(1, 9, (n,)) for n in (7, 2, 5)]
    alone = torch.cat([log_odds(model, [text], 1) for text in texts])
    torch.testing.assert_close(log_odds(model, texts, 3), alone)


def test_both_ends_of_a_long_document_are_read():
    number = {word: i for i, word in enumerate("abcdefg", start=1)}
    assert numbered(list("abxdefg"), number, 5).tolist() == [1, 2, 5, 6, 7]
    assert numbered(list("abx"), number, 5).tolist() == [1, 2, 0]


@pytest.mark.parametrize("tune", [False, True])
def test_signs_are_learned_named_and_equal_bytes_written(stage, tmp_path, tune):
    labels = ["good", "bad"]
    write(
        tmp_path,
        [*documents(labels, 80, "train"), *documents(labels, 12, "validation"),
         *documents(labels, 20, "test"), ("train", ["filler1"], None)],
    )  # fmt: skip
    first = stage(tune_vectors=tune)
    metrics = json.loads(first[4])
    assert metrics["accuracy"] == 1
    assert metrics["accuracy_interval"] == pytest.approx([0.8389, 1], abs=1e-4)
    assert metrics["documents"] == {"train": 80, "validation": 12, "test": 20}
    moved = pq.read_table("moved_words.parquet").to_pandas()
    assert moved["doc_id"].nunique() == 4
    most = moved[moved["rank"] == 1]
    assert (most["token"] == "sign_" + most["prediction"]).all()
    assert (most["change"] > 0).all()
    assert stage(tune_vectors=tune) == first
    assert run_baselines(tmp_path)["tf_idf"]["accuracy"] == 1


def test_saved_model_gives_the_same_predictions(stage, tmp_path):
    labels = ["a", "b", "c"]
    rows = [row for split, n in (("train", 60), ("validation", 9), ("test", 30))
            for row in documents(labels, n, split)]  # fmt: skip
    write(tmp_path, rows)
    stage("lstm", epochs=2)
    model = load_model(Path("model.safetensors"), DocumentModel)
    words, _ = read_vectors(Path("vectors.parquet"))
    test = read_labelled(Path("tokens.parquet"))["test"]
    split = to_split(test, {word: i for i, word in enumerate(words) if i}, labels, 12)
    predictions = log_odds(model, split.words, 8).argmax(1)
    table = pq.read_table("confusion.parquet").to_pandas()
    right = table[table["truth"] == table["prediction"]]["count"].sum()
    assert (predictions == split.classes).sum() == right
    counts = table.groupby("prediction")["count"].sum()
    assert counts.to_dict() == pd.Series([labels[p] for p in predictions]).value_counts().to_dict()


def test_a_hundred_unequal_labels_some_seen_once(stage, tmp_path):
    labels = [f"l{i}" for i in range(100)]
    train = [
        row
        for i, label in enumerate(labels)
        for row in documents([label], 4 + i % 7 if i % 10 else 1, "train")
    ]
    others = [*documents(labels[:50], 50, "validation"), *documents(labels, 100, "test")]
    write(tmp_path, [*train, *others, *documents(["never"], 2, "test")])
    stage(epochs=20, patience=20, hidden_size=32, batch_size=16)
    metrics = json.loads(Path("metrics.json").read_text())
    assert metrics["labels"] == 100
    assert metrics["test_documents_of_unseen_label"] == 2
    assert metrics["accuracy"] > 0.5
    assert metrics["macro_f1"] > 0.4
    assert run_baselines(tmp_path)["majority"]["accuracy"] == pytest.approx(1 / 102)


def test_one_of_two_labels_seen_once_is_no_trouble(stage, tmp_path):
    rows = [row for split in ("train", "validation", "test")
            for row in documents(["a"], 12, split)]  # fmt: skip
    write(tmp_path, [*rows, ("train", ["sign_b"], "b")])
    stage(epochs=2)
    assert json.loads(Path("metrics.json").read_text())["accuracy"] == 1


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([(s, ["a", "b"], None) for s in ("train", "validation", "test")], "has no labels"),
        ([(s, ["a"], "x") for s in ("train", "train", "validation", "test")], "has 1 of the two"),
        ([("train", ["a"], "x"), ("train", ["b"], "y"), ("test", ["a"], "x")],
         "the validation split has no labelled document"),
    ],
)  # fmt: skip
def test_a_corpus_that_teaches_nothing_is_said_and_breaks_nothing(stage, tmp_path, rows, reason):
    write(tmp_path, rows)
    stage()
    metrics = json.loads(Path("metrics.json").read_text())
    assert metrics["accuracy"] is None
    assert reason in metrics["unscored"]
    assert pq.read_table("confusion.parquet").num_rows == 0
    assert pd.read_csv("curve.csv").empty
    baselines = run_baselines(tmp_path)
    assert reason in baselines["unscored"]
    assert baselines["tf_idf"] is None


def test_unseen_labels_have_no_class():
    own = classify_documents.Documents(["d"], [["a"]], ["new"])
    assert to_split(own, {"a": 1}, ["old"], 5).classes.tolist() == [UNSEEN_LABEL]


def test_too_long_documents_are_said_before_they_are_tried(stage, tmp_path, monkeypatch):
    write(tmp_path, [row for split in ("train", "validation", "test")
                     for row in documents(["a", "b"], 8, split)])  # fmt: skip
    monkeypatch.setattr("os.sysconf", lambda name: 10)
    with pytest.raises(StageError, match=r"8 sequences of \d+ steps need some .* cut the seq"):
        stage()
    assert not any((tmp_path / name).exists() for name in OUTPUTS)
