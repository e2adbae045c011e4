import json

import pyarrow.parquet as pq
import pytest
import yaml

from stages.errors import StageError
from stages.text.collect import clean, draw_splits, main, select
from stages.text.sources import Paragraph, read_corpus

SENTENCE = "the quick brown fox jumps over the lazy dog near the river bank in early spring"
PARAMS = {
    "corpus": "mine.txt",
    "min_words": 3,
    "near_duplicate_similarity": 0.8,
    "split_unit": "paragraph",
    "validation_share": 0.2,
    "test_share": 0.2,
    "seed": 1,
}


def paragraph(text):
    return Paragraph("article", text, None)


@pytest.fixture
def collect(tmp_path, monkeypatch):
    """Run the stage in an empty folder, on what the test put into `raw`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()

    def run(**changes):
        section = {"text": {"collect": {**PARAMS, **changes}}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(section))
        paths = ["raw", "out/documents.parquet", "out/metrics.json", "out/validation.json"]
        main([*paths, "--params", "text.collect"])
        metrics = json.loads((tmp_path / "out/metrics.json").read_text())
        return pq.read_table(tmp_path / "out/documents.parquet").to_pylist(), metrics

    run.raw = tmp_path / "raw"
    run.out = tmp_path / "out"
    return run


def test_clean_folds_space_normalizes_and_removes_control_characters():
    assert clean("  cafe\u0301\u00a0 \x00a\tb\n\u200bc ") == "café a b c"


def test_repeated_and_short_paragraphs_are_counted_and_kept_once():
    changed_word = SENTENCE.replace("early", "late")
    kept = select(
        map(paragraph, [SENTENCE, SENTENCE.upper() + "!", changed_word, "too short", "", SENTENCE]),
        min_words=3,
        similarity=0.6,
    )
    assert [p.text for p in kept.paragraphs] == [SENTENCE]
    assert kept.dropped == {"too_short": 1, "duplicate": 2, "near_duplicate": 1}


def test_similarity_is_that_of_sets_of_three_words():
    # 14 and 14 shingles, 11 shared: 11 / 17 = 0.647
    pair = [SENTENCE, SENTENCE.replace("fox", "cat")]
    assert len(select(map(paragraph, pair), 3, similarity=0.64).paragraphs) == 1
    assert len(select(map(paragraph, pair), 3, similarity=0.66).paragraphs) == 2


def test_splits_within_articles_have_their_shares():
    articles = ["a"] * 50 + ["b"] * 20
    splits = draw_splits(articles, "paragraph", 0.1, 0.2, seed=1)
    for rows, n in ((slice(0, 50), 50), (slice(50, 70), 20)):
        assert splits[rows].count("test") == 0.2 * n
        assert splits[rows].count("validation") == 0.1 * n


def test_splits_by_article_keep_articles_whole():
    articles = [name for name in "abcdefghij" for _ in range(7)]
    splits = draw_splits(articles, "article", 0.1, 0.2, seed=1)
    of_article = {
        name: {s for a, s in zip(articles, splits, strict=True) if a == name}
        for name in "abcdefghij"
    }
    assert all(len(found) == 1 for found in of_article.values())
    assert splits.count("test") == 14
    assert splits.count("validation") == 7


def test_splits_follow_the_seed():
    articles = ["a"] * 50
    assert draw_splits(articles, "paragraph", 0.1, 0.1, 1) == draw_splits(
        articles, "paragraph", 0.1, 0.1, 1
    )
    assert draw_splits(articles, "paragraph", 0.1, 0.1, 1) != draw_splits(
        articles, "paragraph", 0.1, 0.1, 2
    )


def test_own_text_becomes_documents(collect):
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
    text = "\n\n".join(f"{word} comes\nfirst in paragraph {word}" for word in words)
    (collect.raw / "mine.txt").write_text(f"\ufeff{text}\n\nshort", encoding="utf-8")
    documents, metrics = collect()
    assert next(d["text"] for d in documents) == "alpha comes first in paragraph alpha"
    assert [d["doc_id"] for d in documents] == [f"mine#{n}" for n in range(1, 11)]
    assert {d["label"] for d in documents} == {None}
    assert metrics["documents"] == {"total": 10, "train": 6, "validation": 2, "test": 2}
    assert metrics["dropped"]["too_short"] == 1
    assert metrics["split_unit"] == "paragraph"


def test_folder_labels_by_file(collect):
    (collect.raw / "novels").mkdir()
    for name in ("emma", "persuasion"):
        text = "\n\n".join(f"chapter {n} of {name} begins with word{n}" for n in range(10))
        (collect.raw / "novels" / f"{name}.txt").write_text(text, encoding="utf-8")
    documents, metrics = collect(corpus="novels")
    assert {d["label"] for d in documents} == {"emma", "persuasion"}
    assert metrics["labels"] == 2


@pytest.mark.parametrize(
    ("corpus", "content", "sentence"),
    [
        ("nsmc", None, "unknown corpus 'nsmc': it is neither 'embedded' nor"),
        ("mine.csv", b"a,b", "mine.csv is not a .txt file"),
        ("mine.txt", b"", "corpus 'mine.txt' is empty"),
        ("mine.txt", b"one\n\ntwo", "no paragraph of at least 3 words (dropped: {'too_short': 2"),
        ("mine.txt", b"only one paragraph here", "too small to split by paragraph"),
        ("mine.txt", b"abc \xff\xfe", "mine.txt is not UTF-8 at byte 4"),
    ],
)
def test_bad_corpus_is_one_sentence_and_writes_nothing(collect, corpus, content, sentence):
    if content is not None:
        (collect.raw / corpus).write_bytes(content)
    with pytest.raises(StageError) as error:
        collect(corpus=corpus)
    assert sentence in str(error.value)
    assert not collect.out.exists() or not list(collect.out.iterdir())


def test_empty_folder_is_told(collect):
    (collect.raw / "novels").mkdir()
    with pytest.raises(StageError, match=r"novels holds no \.txt file"):
        collect(corpus="novels")


def test_embedded_corpus_has_no_markup(tmp_path):
    paragraphs = list(read_corpus("embedded", tmp_path))
    titles = {p.label for p in paragraphs} - {None}
    assert len(titles) == 106
    assert {"Anarchism", "Apollo", "Achilles"} <= titles
    assert sum(p.label is None for p in paragraphs) == 300
    text = " ".join(p.text for p in paragraphs)
    for markup in ("[[", "]]", "'''", "{{", "<ref", "=="):
        assert text.count(markup) < 10, markup
    assert 450_000 < len(text.split()) < 600_000
