import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml

from stages.core.errors import StageError
from stages.core.vectors import to_column
from stages.sequence import classify_documents, score_document_baselines
from stages.sequence.classification.attribution import choose, occlude
from stages.sequence.classification.documents import Documents, read_labelled
from stages.sequence.classification.encoding import (
    UNSEEN_LABEL,
    Split,
    encode,
    read_vectors,
    token_ids,
)
from stages.sequence.classification.model import DocumentModel, log_odds
from stages.sequence.classification.ratios import count_documents, log_count_ratio
from stages.sequence.classify_documents import batches
from stages.sequence.recurrent.model_files import load_model

SECTION = {
    "log_count_ratios": "with",
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
INPUTS = {"tokens": "tokens.parquet", "vectors": "vectors.parquet"}
OUTPUTS = {
    "model": "model.safetensors",
    "confusion": "confusion.parquet",
    "attributions": "attributions.parquet",
    "curve": "curve.csv",
    "metrics": "metrics.json",
    "validation": "validation.json",
}
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
    """Return documents of fillers and one word that gives the label away."""
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
        classify_documents.main(
            params="sequence.classify_documents", cell=cell, **INPUTS, **OUTPUTS
        )
        return {option: (tmp_path / name).read_bytes() for option, name in OUTPUTS.items()}

    return run


def run_baselines(folder: Path) -> dict:
    section = {"sequence": {"score_document_baselines": {"c": [1, 100]}}}
    (folder / "params.yaml").write_text(yaml.safe_dump(section))
    score_document_baselines.main(
        params="sequence.score_document_baselines",
        tokens="tokens.parquet",
        metrics="baselines.json",
    )
    return json.loads((folder / "baselines.json").read_text())


def test_log_count_ratios_by_hand():
    # 3 documents of one class, 1 of the other; a word in 2 of the first and in the second.
    r = log_count_ratio(torch.tensor([2.0, 1.0]), torch.tensor([3.0, 1.0]))
    first = ((2 + 0.75) / (3 + 0.75)) / ((1 + 0.25) / (1 + 0.25))
    second = ((1 + 0.25) / (1 + 0.25)) / ((2 + 0.75) / (3 + 0.75))
    torch.testing.assert_close(r.exp(), torch.tensor([first, second]))
    nothing = log_count_ratio(torch.tensor([0.0, 0.0, 0.0]), torch.tensor([5.0, 3.0, 0.0]))
    torch.testing.assert_close(nothing, torch.zeros(3))
    alone = log_count_ratio(torch.tensor([2.0, 0.0]), torch.tensor([4.0, 0.0]))
    torch.testing.assert_close(alone, torch.zeros(2))


def test_the_ratios_of_a_training_document_are_counted_on_the_other_folds():
    words = [[1, i % 5 + 1, 6 + i] for i in range(30)]
    classes = [i % 3 for i in range(29)] + [3]  # the last label occurs once
    split = Split([torch.tensor(own) for own in words], torch.tensor(classes))
    counts = count_documents(split, 36, 4, 1)
    # 30 documents in 10 folds: each is counted without itself and two others.
    assert counts.fold.bincount().tolist() == [3] * 10
    assert counts.totals[1].tolist() == [10, 10, 9, 1]
    params = classify_documents.ClassifyDocumentsParams(**{**SECTION, "batch_size": 7})
    seen = []
    for documents, _, own_classes, ratios in batches(split, counts, params, 1):
        assert torch.isfinite(ratios).all()
        for column, document in enumerate(documents.T.tolist()):
            index = words.index(document)
            seen.append(index)
            assert own_classes[column] == classes[index]
            others = [i for i in range(30) if counts.fold[i] != counts.fold[index]]
            with_word = [
                [sum(word in words[i] for i in others if classes[i] == c) for c in range(4)]
                for word in document
            ]
            of_classes = [sum(classes[i] == c for i in others) for c in range(4)]
            expected = log_count_ratio(
                torch.tensor(with_word).float(), torch.tensor(of_classes).float()
            )
            torch.testing.assert_close(ratios[:, column], expected)
            # No other document contains the last word: it says as much as a word never seen.
            unseen = log_count_ratio(torch.zeros(4), torch.tensor(of_classes).float())
            torch.testing.assert_close(ratios[2, column], unseen)
    assert sorted(seen) == list(range(30))


def document_model(cell="gru", log_count_ratios=True):
    arguments = {"words": ["", *"abcdefgh"], "classes": ["x", "y", "z"], "dimensions": 4,
                 "log_count_ratios": log_count_ratios, "tune_vectors": True, "hidden_size": 5,
                 "layers": 2, "dropout": (0.0, 0.0, 0.0)}  # fmt: skip
    model = DocumentModel(cell, **arguments).eval()
    torch.nn.init.normal_(model.vectors)
    return model


@pytest.mark.parametrize("cell", ["rnn", "lstm_peephole"])
def test_padding_changes_nothing(cell):
    torch.manual_seed(0)
    model = document_model(cell)
    texts = [torch.randint(1, 9, (n,)) for n in (7, 2, 5)]
    alone = torch.cat([log_odds(model, [text], 1) for text in texts])
    torch.testing.assert_close(log_odds(model, texts, 3), alone)


def test_ratios_are_an_input_of_the_model_with_them_only():
    torch.manual_seed(0)
    words, lengths = torch.tensor([[1, 2], [3, 4]]), torch.tensor([2, 2])
    ratios = torch.randn(9, 3)
    model = document_model()
    before = model(words, lengths)
    model.start_from(model.vectors.detach().numpy(), ratios)
    torch.testing.assert_close(model(words, lengths), model(words, lengths, ratios[words]))
    assert not torch.allclose(model(words, lengths), model(words, lengths, ratios[words] * 2))
    assert not torch.allclose(model(words, lengths), before)
    without = document_model(log_count_ratios=False)
    assert without.recurrent.layers[0].input_size == 4
    assert "log_count_ratios" not in without.state_dict()


def test_both_ends_of_a_long_document_are_read():
    id_of = {word: i for i, word in enumerate("abcdefg", start=1)}
    assert token_ids(list("abxdefg"), id_of, 5).tolist() == [1, 2, 5, 6, 7]
    assert token_ids(list("abx"), id_of, 5).tolist() == [1, 2, 0]


def test_half_of_the_explained_documents_are_classified_wrongly():
    correct = np.array([True] * 90 + [False] * 10)
    chosen = choose(correct, 6, 1)
    assert len(set(chosen)) == 6
    assert correct[chosen].tolist() == [True] * 3 + [False] * 3
    assert choose(correct, 6, 1) == chosen != choose(correct, 6, 2)
    # A missing wrong one is replaced by a correct one.
    correct = np.array([True] * 9 + [False])
    assert correct[choose(correct, 6, 1)].tolist() == [True] * 5 + [False]


def test_occlusion_removes_every_occurrence_of_a_word():
    torch.manual_seed(0)
    model = document_model()
    document = torch.tensor([3, 0, 5, 3, 7])
    outputs = log_odds(model, [document], 1)
    words, falls = occlude(model, document, outputs, 2)
    assert words == [3, 5, 7]

    def nats(rest):
        p = log_odds(model, [torch.tensor(rest)], 1).softmax(1)[0, outputs.argmax()].double()
        return (p / (1 - p)).log()

    whole = nats(document.tolist())
    expected = [whole - nats(rest) for rest in ([0, 5, 7], [3, 0, 3, 7], [3, 0, 5, 3])]
    torch.testing.assert_close(falls.double(), torch.stack(expected), rtol=1e-4, atol=1e-5)
    # A document needs a word: the only one cannot be removed.
    only = torch.tensor([4, 4])
    assert occlude(model, only, log_odds(model, [only], 1), 2)[0] == []


def signs(*sizes):
    """Return documents of two labels for each split, whose sizes are given."""
    splits = zip(("train", "validation", "test"), sizes, strict=True)
    return [row for split, n in splits for row in documents(["good", "bad"], n, split)]


@pytest.mark.parametrize("tune", [False, True])
def test_signs_are_learned_named_and_equal_bytes_written(stage, tmp_path, tune):
    write(tmp_path, [*signs(80, 12, 20), ("train", ["filler1"], None)])
    first = stage(tune_vectors=tune)
    metrics = json.loads(first["metrics"])
    assert metrics["with_log_count_ratios"]["accuracy"] == 1
    interval = metrics["with_log_count_ratios"]["accuracy_interval"]
    assert interval == pytest.approx([0.8389, 1], abs=1e-4)
    assert metrics["documents"] == {"train": 80, "validation": 12, "test": 20}
    attributions = pq.read_table("attributions.parquet").to_pandas()
    assert attributions["doc_id"].nunique() == 4
    most = attributions[attributions["rank"] == 1]
    assert (most["token"] == "sign_" + most["prediction"]).all()
    assert (most["change"] > 0).all()
    assert stage(tune_vectors=tune) == first
    assert run_baselines(tmp_path)["tf_idf"]["accuracy"] == 1


def test_with_and_without_log_count_ratios(stage, tmp_path):
    write(tmp_path, signs(80, 12, 20))
    alone = {variant: stage(log_count_ratios=variant) for variant in ("with", "without")}
    both = stage(log_count_ratios="both")
    metrics = json.loads(both["metrics"])
    for variant, outputs in alone.items():
        of_variant = json.loads(outputs["metrics"])
        key = f"{variant}_log_count_ratios"
        other = {"with": "without", "without": "with"}[variant]
        assert of_variant[f"{other}_log_count_ratios"] is None
        # One model does not change the other, whether it is trained before it or not at all.
        assert metrics[key] == of_variant[key]
    # A word's input is its vector of 8, with a ratio for each of two classes.
    assert metrics["with_log_count_ratios"]["recurrent_multiply_adds_per_step"] == 36 * (10 + 12)
    assert metrics["without_log_count_ratios"]["recurrent_multiply_adds_per_step"] == 36 * (8 + 12)
    # All but the metrics and the parameter in the model's header describe the model with them.
    assert both["model"] == alone["with"]["model"] != alone["without"]["model"]
    for option in ("confusion", "attributions", "curve"):
        assert both[option] == alone["with"][option]


def test_killed_in_the_second_model_it_ends_with_the_same_bytes(stage, monkeypatch, tmp_path):
    write(tmp_path, signs(40, 12, 20))
    expected = stage(log_count_ratios="both", epochs=3)
    for name in OUTPUTS.values():
        (tmp_path / name).unlink()
    seen, loss = [], classify_documents.loss

    def dying(model, batch, state):
        seen.append(len(batch))
        if seen.count(3) == 8:
            raise KeyboardInterrupt
        return loss(model, batch, state)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(classify_documents, "loss", dying)
        stage(log_count_ratios="both", epochs=3)
    assert not any((tmp_path / name).exists() for name in OUTPUTS.values())
    assert len(list(tmp_path.glob("model.safetensors.*.checkpoint"))) == 2
    seen.clear()
    monkeypatch.setattr(
        classify_documents, "loss", lambda *given: (seen.append(len(given[1])), loss(*given))[1]
    )
    assert stage(log_count_ratios="both", epochs=3) == expected
    # Neither the first model nor the finished epoch of the second is trained again.
    assert seen == [3] * 10
    assert not list(tmp_path.glob("*.checkpoint"))


@pytest.mark.parametrize("variant", ["with", "without"])
def test_saved_model_gives_the_same_predictions(stage, tmp_path, variant):
    labels = ["a", "b", "c"]
    rows = [row for split, n in (("train", 60), ("validation", 9), ("test", 30))
            for row in documents(labels, n, split)]  # fmt: skip
    write(tmp_path, rows)
    stage("lstm", epochs=2, log_count_ratios=variant)
    model = load_model(Path("model.safetensors"), DocumentModel)
    words, _ = read_vectors(Path("vectors.parquet"))
    test = read_labelled(Path("tokens.parquet"))["test"]
    split = encode(test, {word: i for i, word in enumerate(words) if i}, labels, 12)
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
    assert metrics["with_log_count_ratios"]["accuracy"] > 0.5
    assert metrics["with_log_count_ratios"]["macro_f1"] > 0.4
    assert run_baselines(tmp_path)["majority"]["accuracy"] == pytest.approx(1 / 102)


def test_one_of_two_labels_may_occur_once(stage, tmp_path):
    rows = [row for split in ("train", "validation", "test")
            for row in documents(["a"], 12, split)]  # fmt: skip
    write(tmp_path, [*rows, ("train", ["sign_b"], "b")])
    stage(epochs=2)
    metrics = json.loads(Path("metrics.json").read_text())
    assert metrics["with_log_count_ratios"]["accuracy"] == 1


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([(s, ["a", "b"], None) for s in ("train", "validation", "test")], "has no labels"),
        ([(s, ["a"], "x") for s in ("train", "validation", "test")], "has 1 of the at least two"),
        ([("train", ["a"], "x"), ("train", ["b"], "y"), ("test", ["a"], "x")],
         "the validation split has no labelled document"),
    ],
)  # fmt: skip
def test_a_corpus_without_enough_labels_is_reported_and_no_error(stage, tmp_path, rows, reason):
    write(tmp_path, rows)
    stage()
    metrics = json.loads(Path("metrics.json").read_text())
    assert metrics["with_log_count_ratios"] is metrics["without_log_count_ratios"] is None
    assert reason in metrics["unscored"]
    assert pq.read_table("confusion.parquet").num_rows == 0
    assert pd.read_csv("curve.csv").empty
    baselines = run_baselines(tmp_path)
    assert reason in baselines["unscored"]
    assert baselines["tf_idf"] is None


def test_unseen_labels_have_no_class():
    documents = Documents(["d"], [["a"]], ["new"])
    assert encode(documents, {"a": 1}, ["old"], 5).classes.tolist() == [UNSEEN_LABEL]


def test_documents_longer_than_memory_are_an_error(stage, tmp_path, monkeypatch):
    write(tmp_path, [row for split in ("train", "validation", "test")
                     for row in documents(["a", "b"], 8, split)])  # fmt: skip
    monkeypatch.setattr("os.sysconf", lambda name: 10)
    with pytest.raises(StageError, match=r"8 sequences of \d+ steps need about .* shorten the seq"):
        stage()
    assert not any((tmp_path / name).exists() for name in OUTPUTS.values())
