import random

import numpy as np
import pyarrow as pa
import pytest

from stages.text.cleaning.duplicates import BINS, Index, band_rows, sketch

WORDS = [f"w{n}" for n in range(5000)]


def jaccard(a: str, b: str) -> float:
    first, second = (
        set(zip(w, w[1:], w[2:], strict=False)) for w in (a.lower().split(), b.lower().split())
    )
    return len(first & second) / len(first | second)


def repeated(folder, texts, similarity=0.8, batch=7, rank=None):
    column = pa.array(texts, pa.large_string())
    with Index(folder, similarity) as index:
        for start in range(0, len(texts), batch):
            index.add(sketch(column[start : start + batch], index.rows))
        rank = np.arange(len(texts)) if rank is None else np.asarray(rank)
        return index.repeated(rank, lambda documents: column.take(pa.array(documents)))


# Long documents are first compared by their bits.
@pytest.mark.parametrize(("shortest", "longest"), [(5, 80), (140, 200)])
@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.8, 0.9])
def test_documents_of_sufficient_similarity_are_found(tmp_path, similarity, shortest, longest):
    draw = random.Random(1)
    texts = []
    for _ in range(150):
        words = draw.choices(WORDS, k=draw.randint(shortest, longest))
        texts.append(" ".join(words))
        changes = draw.randint(0, 5 + longest // 10)
        for index in draw.sample(range(len(words)), k=min(len(words), changes)):
            words[index] = draw.choice(WORDS)
        texts.append(" ".join(words))
    same, near = repeated(tmp_path, texts, similarity)
    for n, text in enumerate(texts):
        exact = text in texts[:n]
        alike = any(jaccard(text, other) >= similarity for other in texts[:n])
        assert same[n] == exact
        assert near[n] == (alike and not exact)


def test_repetitive_documents_are_found(tmp_path):
    # A phrase of 8 words 20 times, then two new words: of 8 and 10 shingles, 8 are the same.
    phrases = [" ".join(random.Random(n).choices(WORDS, k=8) * 20) for n in range(150)]
    texts = [text for p in phrases for text in (p, f"{p} new word")]
    _, near = repeated(tmp_path, texts)
    assert near.tolist() == [False, True] * 150


def test_result_does_not_depend_on_the_number_of_candidates_at_once(tmp_path, monkeypatch):
    texts = [f"{' '.join(WORDS[n : n + 200])} {n}" for n in range(30)]
    results = []
    for at_once in (1, 1000, 10**6):
        monkeypatch.setattr("stages.text.cleaning.duplicates.SHINGLES_AT_ONCE", at_once)
        folder = tmp_path / str(at_once)
        folder.mkdir()
        results.append(repeated(folder, texts)[1].tolist())
    assert results[0] == results[1] == results[2]
    assert 20 < sum(results[0]) < 30


def test_case_and_punctuation_are_ignored(tmp_path):
    same, near = repeated(tmp_path, ["A b, c!", "a B c", "a b d", "c b a"])
    assert same.tolist() == [False, True, False, False]
    assert not near.any()


def test_short_texts_are_the_same_only_if_equal(tmp_path):
    same, near = repeated(tmp_path, ["good", "good!", "bad", "very good"])
    assert same.tolist() == [False, True, False, False]
    assert not near.any()


def test_texts_without_letters_are_the_same_only_if_equal(tmp_path):
    texts = ["👍👍", "😭", "👏", "♥♥♥", "\u2764\ufe0f", "\u263a\ufe0f", "★★★☆☆", "★☆☆☆☆", "ㅋㅋ",
             "ㅠㅠ", "^^", "-_-", ";;", "!!", "??", ":) :)", ":( :(", "…", "10", "8"]  # fmt: skip
    same, near = repeated(tmp_path, [*texts, *texts])
    assert same.tolist() == [False] * len(texts) + [True] * len(texts)
    assert not near.any()


def test_emoji_are_words(tmp_path):
    texts = ["10점 👍", "10점 😡", "10점 👍!", "so good 👍", "so good"]
    assert repeated(tmp_path, texts)[0].tolist() == [False, False, True, False, False]


def test_lowest_rank_is_kept(tmp_path):
    same, _ = repeated(tmp_path, ["a b c d", "a b c d", "a b c d"], rank=[5, 1, 3])
    assert same.tolist() == [True, False, True]


def test_result_does_not_depend_on_batches(tmp_path):
    texts = [" ".join(random.Random(n // 2).choices(WORDS, k=30)) for n in range(40)]
    texts = [t if n % 2 else f"{t} end" for n, t in enumerate(texts)]
    results = []
    for batch in (1, 7, 40):
        folder = tmp_path / str(batch)
        folder.mkdir()
        results.append(repeated(folder, texts, batch=batch)[1].tolist())
    assert results[0] == results[1] == results[2]
    assert sum(results[0]) == 20


def test_bands_find_pairs_at_the_threshold():
    for similarity in (0.3, 0.5, 0.8, 0.95):
        rows = band_rows(similarity)
        assert (1 - similarity**rows) ** (BINS // rows) <= 0.001
    assert band_rows(1.0) == BINS
