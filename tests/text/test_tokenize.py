import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from corpora import CORPUS

from stages.core.errors import StageError
from stages.text import profile_corpus, tokenize
from stages.text.contracts import DOCUMENTS

ROWS = [
    ("a#1", "train", "The cat sat. The cat ran!", "cats"),
    ("a#2", "train", "A dog sat; the cat's dog.", "dogs"),
    ("a#3", "train", "...!", None),
    ("a#4", "validation", "The bird sat.", None),
    ("a#5", "test", "cat", None),
]
PROFILE = {"examples": 10, "labels": 8, "words_per_label": 3, "prior": 1.0}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(rows=ROWS, row_group_size=1_000, language="english", korean=None, workers=1, **changes):
        columns = list(zip(*rows, strict=True))
        table = pa.table(columns, schema=DOCUMENTS.schema)
        pq.write_table(table, "documents.parquet", row_group_size=row_group_size)
        corpus = {**CORPUS, "language": language, "sources": [{"path": "none.txt"}]}
        (tmp_path / "corpus.yaml").write_text(yaml.safe_dump(corpus))
        (tmp_path / "words.tsv").write_text("")
        section = {
            "lowercase": True, "keep_punctuation": False, "min_count": 2, "max_words": 100,
            "korean": {"morphemes": "content", "part_of_speech": False, "correct_typos": False,
                       "correct_spacing": False, **(korean or {})},
            **changes,
        }  # fmt: skip
        params = {"text": {"tokenize": section, "profile_corpus": PROFILE}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        tokenize.main(
            params="text.tokenize",
            workers=workers,
            corpus="corpus.yaml",
            korean_words="words.tsv",
            documents="documents.parquet",
            tokens="tokens.parquet",
            vocabulary="vocabulary.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )
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
        "sentence_lengths": [7],
        "label": "dogs",
    }
    assert tokens[0]["sentence_lengths"] == [3, 3]
    assert [(v["token"], v["count"], v["document_count"]) for v in vocabulary] == [
        ("<unk>", 3, None),
        ("<bos>", 3, 2),
        ("<eos>", 3, 2),
        ("cat", 3, 2),
        ("the", 3, 2),
        ("dog", 2, 1),
        ("sat", 2, 2),
    ]
    assert [v["token_id"] for v in vocabulary] == list(range(7))
    assert metrics["tokens"] == {"total": 17, "train": 13, "validation": 3, "test": 1}
    assert metrics["sentences"] == {"total": 5, "train": 3, "validation": 1, "test": 1}
    assert metrics["dropped"] == {"no_token": 1}
    assert metrics["vocabulary"] == 4
    coverage = {"train": 10 / 13, "validation": 2 / 3, "test": 1.0}
    assert metrics["coverage"] == pytest.approx(coverage)


def test_result_does_not_depend_on_row_groups_and_workers(run, tmp_path):
    whole = run()
    assert run(row_group_size=2) == whole
    content = (tmp_path / "tokens.parquet").read_bytes()
    assert run(row_group_size=2, workers=2) == whole
    assert (tmp_path / "tokens.parquet").read_bytes() == content


def test_size_of_the_vocabulary_is_limited(run):
    _, vocabulary, metrics = run(max_words=2)
    assert [v["token"] for v in vocabulary] == ["<unk>", "<bos>", "<eos>", "cat", "the"]
    assert metrics["coverage"]["train"] == pytest.approx(6 / 13)


def test_case_and_punctuation_can_be_kept(run):
    tokens, _, _ = run(lowercase=False, keep_punctuation=True)
    assert tokens[0]["tokens"] == ["The", "cat", "sat", ".", "The", "cat", "ran", "!"]
    assert tokens[0]["sentence_lengths"] == [4, 4]
    assert tokens[2]["tokens"] == ["...", "!"]


def test_empty_vocabulary_is_reported(run, tmp_path):
    with pytest.raises(StageError, match=r"no word of documents\.parquet occurs 9 times"):
        run(min_count=9)
    assert not (tmp_path / "tokens.parquet").exists()


def test_korean_corpus(run):
    rows = [
        ("a", "train", "영화가 정말 재밌다. 최고 ㅋㅋㅋ", "1"),
        ("b", "train", "영화가 별로다 ㅋㅋㅋ", "0"),
        ("c", "train", "는", "0"),
        ("d", "validation", "영화 최고", "1"),
        ("e", "test", "최악의 영화", "0"),
    ]
    tokens, vocabulary, metrics = run(rows, language="korean")
    assert tokens[0]["tokens"] == ["영화", "정말", "재밌", "최고", "ㅋㅋㅋ"]
    assert tokens[0]["sentence_lengths"] == [3, 2]
    assert [v["token"] for v in vocabulary[3:]] == ["ㅋㅋㅋ", "영화"]
    assert metrics["language"] == "korean"
    again = run(rows, language="korean", row_group_size=2, workers=2)
    assert again == (tokens, vocabulary, metrics)
    tagged, _, _ = run(rows, language="korean", korean={"part_of_speech": True})
    assert tagged[0]["tokens"][0] == "영화/NNG"


def profiled(folder):
    tables = ["documents", "tokens", "vocabulary", "lengths", "growth", "label_words", "examples"]
    profile_corpus.main(
        params="text.profile_corpus",
        **{name: f"{name}.parquet" for name in tables},
        metrics="profile.json",
        validation="check.json",
    )
    metrics = json.loads((folder / "profile.json").read_text())
    return {name: pq.read_table(f"{name}.parquet").to_pylist() for name in tables[3:]}, metrics


def test_profile_of_the_corpus(run, tmp_path):
    rows = [
        (f"d{n}", "train", f"good film number {n} is {'great' if n % 2 else 'bad'} said the writer",
         "pos" if n % 2 else "neg")
        for n in range(40)
    ] + [("v", "validation", "good film", "pos"), ("t", "test", "unheard of", None)]  # fmt: skip
    run(rows, row_group_size=16)
    tables, metrics = profiled(tmp_path)
    assert tables["lengths"] == [
        {"split": "test", "tokens": 2, "documents": 1},
        {"split": "train", "tokens": 9, "documents": 40},
        {"split": "validation", "tokens": 2, "documents": 1},
    ]
    assert tables["growth"][-1] == {"tokens": 360, "types": 49}
    best = {row["label"]: row["token"] for row in reversed(tables["label_words"])}
    assert best == {"pos": "great", "neg": "bad"}
    assert len(tables["examples"]) == 10
    assert tables["examples"][0]["text"].startswith("good film number")
    assert tables["examples"][0]["tokens"][:2] == ["good", "film"]
    assert metrics["labels_described"] == 2
    assert 0 < metrics["heaps_exponent"] < 1


def test_corpus_without_labels_has_no_label_words(run, tmp_path):
    run([(*row[:3], None) for row in ROWS])
    tables, metrics = profiled(tmp_path)
    assert tables["label_words"] == []
    assert metrics["labels_described"] == 0


@pytest.mark.parametrize(("words", "shown"), [(1, 0), (6, 10), (400, 10)])
def test_examples_are_short_documents_or_the_shortest(run, tmp_path, words, shown):
    texts = [" ".join([f"word{n:02}"] * (words + n % 2)) for n in range(30)]
    rows = [(f"d{n}", "train", text, None) for n, text in enumerate(texts)]
    run([*rows, ("v", "validation", "one", None), ("t", "test", "two", None)], min_count=1)
    tables, _ = profiled(tmp_path)
    assert len(tables["examples"]) == shown
    if words == 400:
        assert {len(row["tokens"]) for row in tables["examples"]} == {400}


def test_power_law_is_fitted():
    import numpy as np

    ranks = np.arange(1, 5001)
    exponent, factor = profile_corpus.fit_zipf(1_000_000 / ranks**1.1)
    assert exponent == pytest.approx(-1.1)
    assert factor == pytest.approx(1_000_000)


def test_specific_words_belong_to_the_label():
    import numpy as np

    scores = profile_corpus.specific_words(np.array([[90, 10, 50, 0], [10, 90, 50, 0]]), prior=10)
    assert scores[0].argmax() == 0
    assert scores[1].argmax() == 1
    assert scores[:, 2:] == pytest.approx(0)
    assert scores[0] == pytest.approx(-scores[1])
