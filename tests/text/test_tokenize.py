import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from stages.errors import StageError
from stages.text import tokenize
from stages.text.contracts import DOCUMENTS

ROWS = [
    ("a#1", "train", "The cat sat. The cat ran!", "cats"),
    ("a#2", "train", "A dog sat; the cat's dog.", "dogs"),
    ("a#3", "train", "...!", None),
    ("a#4", "validation", "The bird sat.", None),
    ("a#5", "test", "cat", None),
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    columns = list(zip(*ROWS, strict=True))
    pq.write_table(pa.table(columns, schema=DOCUMENTS.schema), tmp_path / "documents.parquet")

    def run(**changes):
        section = {"lowercase": True, "keep_punctuation": False, "min_count": 2, **changes}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump({"text": {"tokenize": section}}))
        names = ["documents.parquet", "tokens.parquet", "vocabulary.parquet"]
        tokenize.main([*names, "metrics.json", "validation.json", "--params", "text.tokenize"])
        return (
            pq.read_table("tokens.parquet").to_pylist(),
            pq.read_table("vocabulary.parquet").to_pylist(),
            json.loads((tmp_path / "metrics.json").read_text()),
        )

    return run


def test_tables_and_counts(run):
    tokens, vocabulary, metrics = run()
    assert tokens[1] == {
        "doc_id": "a#2",
        "split": "train",
        "tokens": ["a", "dog", "sat", "the", "cat", "'s", "dog"],
        "label": "dogs",
    }
    assert [(v["token"], v["count"], v["document_count"]) for v in vocabulary] == [
        ("cat", 3, 2),
        ("the", 3, 2),
        ("dog", 2, 1),
        ("sat", 2, 2),
    ]
    assert [v["token_id"] for v in vocabulary] == [0, 1, 2, 3]
    assert metrics["tokens"] == {"total": 17, "train": 13, "validation": 3, "test": 1}
    assert metrics["dropped"] == {"no_token": 1}
    assert metrics["coverage"] == {"validation": pytest.approx(2 / 3), "test": 1.0}


def test_row_groups_change_nothing(run, monkeypatch):
    whole = run()
    monkeypatch.setattr(tokenize, "ROWS_PER_GROUP", 2)
    assert run() == whole


def test_case_and_punctuation_are_kept_by_choice(run):
    tokens, _, _ = run(lowercase=False, keep_punctuation=True)
    assert tokens[0]["tokens"] == ["The", "cat", "sat", ".", "The", "cat", "ran", "!"]
    assert tokens[2]["tokens"] == ["...", "!"]


def test_vocabulary_without_a_word_is_told(run, tmp_path):
    with pytest.raises(StageError, match=r"no word of documents\.parquet occurs 9 times"):
        run(min_count=9)
    assert not (tmp_path / "tokens.parquet").exists()
