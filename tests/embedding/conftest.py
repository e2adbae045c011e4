import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from corpora import vocabulary

from stages.embedding.models.training_text import TrainingText, read_vocabulary
from stages.text.contracts import TOKENS

SECTIONS = {
    "onehot": {"kind": "onehot"},
    "lsa": {
        "kind": "lsa", "matrix": "cooccurrence", "window": 2, "context_smoothing": 0.75,
        "dimensions": 6, "singular_value_power": 0.5, "iterations": 4, "seed": 5,
    },
    "cbow": {
        "kind": "cbow", "dimensions": 6, "window": 2, "softmax": "negative_sampling",
        "negative_samples": 3, "subsampling": 0.01, "learning_rate": 0.05, "epochs": 3,
        "workers": 1, "seed": 5,
    },
    "glove": {
        "kind": "glove", "dimensions": 6, "window": 2, "context": "symmetric", "x_max": 5.0,
        "alpha": 0.75, "learning_rate": 0.05, "epochs": 3, "seed": 5,
    },
}  # fmt: skip
SECTIONS["skipgram"] = {**SECTIONS["cbow"], "kind": "skipgram"}
SECTIONS["fasttext"] = {
    **SECTIONS["cbow"], "kind": "fasttext", "architecture": "skipgram", "shortest_ngram": 2,
    "longest_ngram": 3, "buckets": 50, "jamo": False,
}  # fmt: skip


class NoCheckpoint:
    """A checkpoint that saves nothing."""

    def restore_arrays(self):
        return None

    def save_arrays(self, arrays, progress):
        pass


@pytest.fixture(scope="session")
def documents():
    draw = np.random.default_rng(1)
    return [[f"w{n}" for n in draw.zipf(1.6, 12) if n < 30] for _ in range(200)]


def count_words(documents):
    words, counts = np.unique([w for d in documents for w in d], return_counts=True)
    order = np.lexsort((words, -counts))
    return {str(words[i]): int(counts[i]) for i in order}


def write_tokens(path, documents, splits, labels=None):
    columns = [
        [f"d{n}" for n in range(len(documents))], splits, documents,
        [[len(document)] for document in documents], labels or [None] * len(documents),
    ]  # fmt: skip
    pq.write_table(pa.table(columns, schema=TOKENS.schema), path, row_group_size=70)


@pytest.fixture
def folder(tmp_path, monkeypatch, documents):
    """A folder with tokens and vocabulary, as the current directory."""
    monkeypatch.chdir(tmp_path)
    splits = ["train"] * 190 + ["test"] * 10
    write_tokens("tokens.parquet", documents, splits)
    # Some words of the text are outside the vocabulary.
    frequent = {word: n for word, n in count_words(documents[:190]).items() if n > 5}
    pq.write_table(vocabulary(frequent), "vocabulary.parquet")
    return tmp_path


@pytest.fixture
def text(folder):
    """The training text and its vocabulary."""
    words = read_vocabulary(folder / "vocabulary.parquet")
    return TrainingText(folder / "tokens.parquet", words.words), words


@pytest.fixture
def train(folder):
    """A function that trains a kind of model with some changes and returns its outputs, bytes."""
    from stages.embedding.train_embedding import main

    def run(name, workers=1, **changes):
        section = {"embedding": {"train_embedding": {"mine": {**SECTIONS[name], **changes}}}}
        (folder / "params.yaml").write_text(yaml.safe_dump(section))
        outputs = {
            "vectors": f"{name}/vectors.parquet",
            "model": f"{name}/model.safetensors",
            "validation": f"{name}/check.json",
        }
        main(
            params="embedding.train_embedding.mine",
            workers=workers,
            tokens="tokens.parquet",
            vocabulary="vocabulary.parquet",
            **outputs,
        )
        return [(folder / path).read_bytes() for path in outputs.values()]

    return run
