import numpy as np
import pytest

from stages.embedding.models import cooccurrence as module
from stages.embedding.models.cooccurrence import cooccurrence


def reference_counts(text, n_words, window, is_symmetric):
    counts = np.zeros((n_words, n_words))
    for batch in text.batches():
        for document in np.split(batch.ids, np.cumsum(batch.lengths)[:-1]):
            known = [word for word in document if word >= 0]
            for position, word in enumerate(known):
                for distance in range(1, min(window, position) + 1):
                    other = known[position - distance]
                    counts[word, other] += 1 / distance
                    if is_symmetric:
                        counts[other, word] += 1 / distance
    return counts


@pytest.mark.parametrize("window", [1, 4])
@pytest.mark.parametrize("is_symmetric", [True, False])
def test_counts_follow_the_definition(text, window, is_symmetric):
    text, words = text
    n = len(words.words)
    counts = cooccurrence(text, n, window, is_symmetric, 1)
    assert counts.has_sorted_indices
    expected = reference_counts(text, n, window, is_symmetric)
    np.testing.assert_allclose(counts.toarray(), expected, rtol=1e-5)


def test_threads_and_blocks_do_not_change_a_byte(text, monkeypatch):
    text, words = text
    one = cooccurrence(text, len(words.words), 3, True, 1)
    monkeypatch.setattr(module, "BLOCK_COUNTS", 40)
    many = cooccurrence(text, len(words.words), 3, True, 3)
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(one, part), getattr(many, part))
