import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from corpora import vocabulary
from safetensors import safe_open

from stages.checkpoint import Checkpoint
from stages.errors import StageError
from stages.sequence import train
from stages.sequence.corpus import read
from stages.sequence.model import LanguageModel
from stages.vectors import to_column

SECTION = {
    "hidden_size": 16,
    "layers": 1,
    "dropout": 0.1,
    "cutoffs": [4],
    "batch_size": 4,
    "truncation_steps": 7,
    "learning_rate": 0.02,
    "learning_rate_decay": 0.5,
    "gradient_norm": 1.0,
    "epochs": 4,
    "patience": 2,
    "sample_words": 12,
    "sample_temperature": 0.5,
    "seed": 3,
}
WORDS = ["one", "two", "three", "four", "five", "six"]
OUTPUTS = ["model.safetensors", "sample.txt", "curve.csv", "metrics.json"]


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Run the stage on documents that count from one to six, over and over."""
    monkeypatch.chdir(tmp_path)
    documents = {"train": 60, "validation": 6, "test": 6}
    splits = [split for split, n in documents.items() for _ in range(n)]
    rows = {"split": splits, "tokens": [WORDS * 2] * len(splits)}
    pq.write_table(pa.table(rows), "tokens.parquet")
    pq.write_table(vocabulary(dict.fromkeys(WORDS, 1)), "vocabulary.parquet")
    vectors = np.random.default_rng(0).normal(size=(6, 8))
    pq.write_table(pa.table({"token": WORDS, "vector": to_column(vectors)}), "vectors.parquet")

    def run(cell="lstm", **changes):
        section = {"sequence": {"language_model": {**SECTION, **changes}}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(section))
        inputs = ["tokens.parquet", "vocabulary.parquet", "vectors.parquet"]
        train.main([cell, *inputs, *OUTPUTS, "--params", "sequence.language_model"])
        return [(tmp_path / name).read_bytes() for name in OUTPUTS]

    return run


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_counting_is_learned_and_runs_are_equal(stage, cell):
    first = stage(cell, epochs=6)
    metrics = json.loads(first[3])
    # After "six" either "one" or the end follows; all else is certain.
    assert metrics["perplexity"]["test"] < 1.6
    assert metrics["epochs"] == len(pd.read_csv("curve.csv"))
    sampled = first[1].decode().split()
    steps = list(itertools.pairwise(sampled))
    right = [
        (a, b) for a, b in steps if b == dict(zip(WORDS, WORDS[1:] + WORDS[:1], strict=True))[a]
    ]
    assert len(right) >= len(steps) - 1
    assert stage(cell, epochs=6) == first


def test_saved_model_gives_the_reported_perplexity(stage):
    metrics = json.loads(stage()[3])
    with safe_open("model.safetensors", "pt") as file:
        arguments = json.loads(file.metadata()["arguments"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    model = LanguageModel(**arguments)
    model.load_state_dict(weights)
    stream = read(Path("tokens.parquet"), Path("vocabulary.parquet")).streams["test"]
    assert train.perplexity(model, stream, 7) == metrics["perplexity"]["test"]


@pytest.mark.parametrize("after", [1, 3])
def test_killed_and_started_again_ends_with_the_same_bytes(stage, monkeypatch, tmp_path, after):
    expected = stage()
    for name in OUTPUTS:
        (tmp_path / name).unlink()
    save, saved = Checkpoint.save, []

    def save_and_die(self, parts, progress):
        save(self, parts, progress)
        saved.append(progress)
        if len(saved) == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        stage()
    assert not any((tmp_path / name).exists() for name in OUTPUTS)
    assert stage() == expected
    assert len(saved) == 4  # none of the epochs was trained twice
    assert not list(tmp_path.glob("*.checkpoint"))


def test_checkpoint_of_other_params_is_not_continued(stage, monkeypatch, tmp_path):
    expected = stage(learning_rate=0.01)
    save = Checkpoint.save

    def save_and_die(self, parts, progress):
        save(self, parts, progress)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoint, "save", save_and_die)
        stage()
    assert list(tmp_path.glob("*.checkpoint"))
    assert stage(learning_rate=0.01) == expected


def test_loss_that_is_not_a_number_stops_the_stage(stage, monkeypatch, tmp_path):
    def loss(self, words, following, state):
        return torch.tensor(float("nan")), None

    monkeypatch.setattr(LanguageModel, "loss", loss)
    with pytest.raises(StageError, match="the loss is nan at step 0 of epoch 1"):
        stage()
    assert not (tmp_path / "model.safetensors").exists()


def test_corpus_too_small_for_a_batch_is_told(stage):
    with pytest.raises(StageError, match="too few for a batch of 5000"):
        stage(batch_size=5000)


def test_split_without_words_is_told(stage):
    rows = pq.read_table("tokens.parquet").to_pandas()
    pq.write_table(pa.Table.from_pandas(rows[rows["split"] != "test"]), "tokens.parquet")
    with pytest.raises(StageError, match=r"tokens\.parquet has no words in the test split"):
        stage()


def test_training_stops_when_validation_no_longer_improves(stage):
    stage(epochs=60, patience=1)
    curve = pd.read_csv("curve.csv")
    assert len(curve) < 60
    assert curve["validation_perplexity"].idxmin() == len(curve) - 2


def test_windows_cover_every_word_once():
    text = train.columns(np.arange(100), 3)  # (33, 3)
    pairs = list(train.windows(text, 10))
    assert torch.equal(torch.cat([words for words, _ in pairs]), text[:-1])
    assert torch.equal(torch.cat([following for _, following in pairs]), text[1:])
