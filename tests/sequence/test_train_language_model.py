import itertools
import json
import multiprocessing
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from corpora import vocabulary
from stages.sequence.cells import CELLS
from stages.sequence.corpus import Corpus, judged, read
from stages.sequence.language_model import LanguageModel

from stages.core.errors import StageError
from stages.core.vectors import to_column
from stages.sequence import train_language_model as train
from stages.sequence import training

SECTION = {
    "hidden_size": 16,
    "layers": 1,
    "dropout": {"before": 0.0, "between": 0.0, "after": 0.1},
    "cutoffs": [4],
    "batch_size": 4,
    "truncation_steps": 7,
    "learning_rate": 0.03,
    "learning_rate_decay": "linear",
    "gradient_norm": 1.0,
    "epochs": 2,
    "patience": 2,
    "sample_words": 24,
    "sample_temperatures": [0.3, 1.0, 10.0],
    "sentences": 2,
    "device": "cpu",
    "seed": 3,
}
WORDS = ["one", "two", "three", "four", "five", "six"]
OUTPUTS = ["model.safetensors", "paragraphs.parquet", "sentences.parquet", "curve.csv",
           "metrics.json", "checked.json"]  # fmt: skip
NEXT = dict(zip(WORDS, WORDS[1:] + WORDS[:1], strict=True))


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Run the stage on documents that count from one to six, twice a sentence."""
    monkeypatch.chdir(tmp_path)
    documents = {"train": 40, "validation": 4, "test": 4}
    splits = [split for split, n in documents.items() for _ in range(n)]
    tokens = [WORDS * 4 for _ in splits]
    # The third test document counts backwards.
    tokens[-2] = WORDS * 2 + WORDS[::-1] * 2
    lengths = [[12, 12]] * len(splits)
    pq.write_table(
        pa.table({"split": splits, "tokens": tokens, "sentence_lengths": lengths}),
        "tokens.parquet",
    )
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


def right_steps(text: str) -> float:
    """Return the share of words that are the right ones after the word before them."""
    pairs = [(a, b) for a, b in itertools.pairwise(text.replace(".", "").split())]
    return sum(NEXT[a] == b for a, b in pairs) / len(pairs)


@pytest.mark.parametrize("cell", CELLS)
def test_counting_is_learned_and_runs_are_equal(stage, cell):
    first = stage(cell, epochs=6, patience=6)
    metrics = json.loads(first[4])
    # After the second "six" the sentence ends or goes on; all else is certain.
    assert metrics["perplexity"]["train"] < 1.2
    assert metrics["perplexity"]["validation"] < 1.2
    assert metrics["epochs"] == len(pd.read_csv("curve.csv"))
    assert metrics["steps_seen"] == 6 * (40 * 26 // 4 - 1) * 4
    paragraphs = pd.read_parquet("paragraphs.parquet").set_index("temperature")["text"]
    assert list(paragraphs.index) == [0.3, 1.0, 10.0]
    assert right_steps(paragraphs[0.3]) > 0.8 > right_steps(paragraphs[10.0])
    assert stage(cell, epochs=6, patience=6) == first


def test_what_counts_backwards_surprises_most(stage):
    stage(epochs=6)
    rows = pd.read_parquet("sentences.parquet")
    assert list(rows["surprise"]) == ["most", "most", "least", "least"]
    assert list(rows["rank"]) == [1, 2, 1, 2]
    assert rows["text"][0] == " ".join(WORDS[::-1] * 2)
    assert set(rows["text"][1:]) == {" ".join(WORDS * 2)}
    nats = rows["nats_per_word"]
    assert nats[0] > 2 > nats[1] >= nats[3] >= nats[2]


def test_sentences_too_short_or_unknown_are_not_shown():
    words = ["<unk>", "<eos>", *WORDS]
    sentences = [[2, 3, 4, 5, 6], [2, 3, 4, 5], [2, 3, 4, 5, 6], [0, 0, 4, 5, 6], [0, 3, 4, 5, 6]]
    stream = np.array([number for sentence in sentences for number in [*sentence, 1]])
    nats = np.arange(len(stream) - 1, dtype=float)
    rows = train.extreme_sentences(Corpus(words, {"test": stream}), nats, 9).to_pylist()
    # The first has a word that nobody predicted, the second is short, the fourth half unknown.
    assert [(row["surprise"], row["text"]) for row in rows] == [
        ("most", "<unk> two three four five"),
        ("most", "one two three four five"),
        ("least", "one two three four five"),
        ("least", "<unk> two three four five"),
    ]
    assert rows[1]["nats_per_word"] == np.mean([10, 11, 12, 13, 14, 15])


def test_saved_model_gives_the_reported_perplexity(stage):
    metrics = json.loads(stage()[4])
    model = training.load_model(Path("model.safetensors"), LanguageModel)
    corpus = read(Path("tokens.parquet"), Path("vocabulary.parquet"))
    assert len(judged(corpus)["train"]) == len(corpus.streams["test"])
    for split, stream in judged(corpus).items():
        assert np.exp(train.surprisals(model, stream).mean()) == metrics["perplexity"][split]


def test_surprisal_of_a_long_stream_is_that_of_its_steps(monkeypatch):
    torch.manual_seed(0)
    model = LanguageModel("gru", 30, 6, 5, 1, (0.5, 0.5, 0.5), [8, 20])
    stream = np.random.default_rng(0).integers(0, 30, 101)
    whole = train.surprisals(model, stream)
    monkeypatch.setattr(train, "STEPS_TO_JUDGE", 7)
    np.testing.assert_allclose(train.surprisals(model, stream), whole, rtol=1e-5)
    by_hand = model.log_probabilities(model(torch.from_numpy(stream[:-1, None]), None)[0][:, 0])
    expected = -by_hand[torch.arange(100), torch.from_numpy(stream[1:])].detach()
    np.testing.assert_allclose(whole, expected, rtol=1e-5)


def test_killed_and_started_again_ends_with_the_same_bytes(stage, monkeypatch, tmp_path):
    expected = stage()
    for name in OUTPUTS:
        (tmp_path / name).unlink()
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    process = multiprocessing.get_context("fork").Process(target=stage)
    process.start()
    while not list(tmp_path.glob("*.checkpoint")):
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    assert not any((tmp_path / name).exists() for name in OUTPUTS)
    assert stage() == expected
    assert not list(tmp_path.glob("*.checkpoint"))


def test_corpus_too_small_for_a_batch_is_told(stage):
    with pytest.raises(StageError, match="too few for a batch of 5000"):
        stage(batch_size=5000)


def test_split_without_words_is_told(stage):
    rows = pq.read_table("tokens.parquet").to_pandas()
    pq.write_table(pa.Table.from_pandas(rows[rows["split"] != "test"]), "tokens.parquet")
    with pytest.raises(StageError, match=r"tokens\.parquet has no words in the test split"):
        stage()


@pytest.mark.parametrize("cutoffs", [[4, 2], [0], [2, 2]])
def test_cutoffs_that_do_not_increase_are_told(stage, cutoffs):
    with pytest.raises(StageError, match=r"'cutoffs'.*has to increase"):
        stage(cutoffs=cutoffs)


def test_windows_longer_than_memory_are_told(stage):
    with pytest.raises(StageError, match="lower batch_size"):
        stage(truncation_steps=10**10)


def test_windows_cover_every_word_once():
    text = train.columns(np.arange(100), 3)  # (33, 3)
    pairs = list(train.windows(text, 10))
    assert torch.equal(torch.cat([words for words, _ in pairs]), text[:-1])
    assert torch.equal(torch.cat([following for _, following in pairs]), text[1:])


def test_words_are_joined_as_people_write():
    assert train.readable(["he", "does", "n't", ".", "it", "'s"]) == "he doesn't. it's"
