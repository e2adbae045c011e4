import numpy as np
import pytest

from stages.sequence.estimate_ngrams import (
    bigram_probabilities,
    perplexity,
    unigram_probabilities,
)

TEXT = np.random.default_rng(0).integers(0, 12, 400) ** 2 // 12


def test_unigrams_by_hand():
    assert unigram_probabilities(np.array([0, 0, 1]), 3).tolist() == [3 / 6, 2 / 6, 1 / 6]


def test_bigrams_sum_to_one_after_every_word():
    n_words = 15  # some are never seen
    for previous in range(n_words):
        p = bigram_probabilities(TEXT, np.full(n_words, previous), np.arange(n_words), n_words)
        assert p.sum() == pytest.approx(1)
        assert (p > 0).all()


def test_bigrams_by_hand():
    # a b a c a b: bigrams ab 2, ba 1, ac 1, ca 1; discount 3 / (3 + 2) = 0.6
    text = np.array([0, 1, 0, 2, 0, 1])
    discount, n_types = 0.6, 4
    before = np.array([2, 1, 1])  # types before a, b, c
    continuation = (before - discount + discount * 3 / 3) / n_types
    expected = (2 - discount) / 3 + discount * 2 / 3 * continuation[1]
    p = bigram_probabilities(text, np.array([0]), np.array([1]), 3)
    assert p[0] == pytest.approx(expected)


def test_bigrams_know_what_follows():
    text = np.tile([0, 1, 2, 3], 50)
    bigram = perplexity(bigram_probabilities(text, text[:-1], text[1:], 4))
    assert bigram < 1.2
    assert perplexity(unigram_probabilities(text, 4)[text]) == pytest.approx(4)
