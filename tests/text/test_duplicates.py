import random

import numpy as np
import pytest

from stages.text.duplicates import BINS, Index, band_rows, sketch

WORDS = [f"w{n}" for n in range(5000)]


def jaccard(a: str, b: str) -> float:
    first, second = (
        set(zip(w, w[1:], w[2:], strict=False)) for w in (a.lower().split(), b.lower().split())
    )
    return len(first & second) / len(first | second)


def repeated(folder, texts, similarity=0.8, batch=7, rank=None):
    with Index(folder, similarity) as index:
        for start in range(0, len(texts), batch):
            index.add(sketch(texts[start : start + batch], index.rows))
        return index.repeated(np.arange(len(texts)) if rank is None else np.asarray(rank))


@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.8, 0.9])
def test_found_are_those_that_are_similar_enough(tmp_path, similarity):
    draw = random.Random(1)
    texts = []
    for _ in range(150):
        words = draw.choices(WORDS, k=draw.randint(5, 80))
        texts.append(" ".join(words))
        for place in draw.sample(range(len(words)), k=min(len(words), draw.randint(0, 5))):
            words[place] = draw.choice(WORDS)
        texts.append(" ".join(words))
    same, near = repeated(tmp_path, texts, similarity)
    for n, text in enumerate(texts):
        exact = text in texts[:n]
        alike = any(jaccard(text, other) >= similarity for other in texts[:n])
        assert same[n] == exact
        assert near[n] == (alike and not exact)


def test_case_and_punctuation_do_not_count(tmp_path):
    same, near = repeated(tmp_path, ["A b, c!", "a B c", "a b d", "c b a"])
    assert same.tolist() == [False, True, False, False]
    assert not near.any()


def test_short_texts_are_the_same_only_if_equal(tmp_path):
    same, near = repeated(tmp_path, ["good", "good!", "bad", "very good", "!!", "??"])
    assert same.tolist() == [False, True, False, False, False, True]
    assert not near.any()


def test_lowest_rank_stays(tmp_path):
    same, _ = repeated(tmp_path, ["a b c d", "a b c d", "a b c d"], rank=[5, 1, 3])
    assert same.tolist() == [True, False, True]


def test_batches_change_nothing(tmp_path):
    texts = [" ".join(random.Random(n // 2).choices(WORDS, k=30)) for n in range(40)]
    texts = [t if n % 2 else f"{t} end" for n, t in enumerate(texts)]
    results = []
    for batch in (1, 7, 40):
        folder = tmp_path / str(batch)
        folder.mkdir()
        results.append(repeated(folder, texts, batch=batch)[1].tolist())
    assert results[0] == results[1] == results[2]
    assert sum(results[0]) == 20


def test_bands_find_what_is_at_the_threshold():
    for similarity in (0.3, 0.5, 0.8, 0.95):
        rows = band_rows(similarity)
        assert (1 - similarity**rows) ** (BINS // rows) <= 0.001
    assert band_rows(1.0) == BINS
