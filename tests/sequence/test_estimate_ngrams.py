from collections import Counter

import numpy as np
import pytest

from stages.sequence.estimate_ngrams import KneserNey, perplexity, unigram_probabilities

TEXT = np.random.default_rng(0).integers(0, 12, 400) ** 2 // 12
N_WORDS = 15  # some are never seen


def after(model, context, n_words=N_WORDS):
    """Return the probability of every word after `context`."""
    return np.array([model.probabilities(np.array([*context, w]))[-1] for w in range(n_words)])


def by_definition(text, order, n_words):
    """Kneser-Ney as it is written in the paper: sums over sets, recursively."""
    grams = {
        n: Counter(tuple(text[i : i + n].tolist()) for i in range(len(text) - n + 1))
        for n in range(1, order + 1)
    }
    for n in range(order - 1, 0, -1):
        grams[n] = Counter(longer[1:] for longer in grams[n + 1])

    def p(context, word):
        n = len(context) + 1
        counts = Counter(grams[n].values())
        discount = counts[1] / (counts[1] + 2 * counts[2]) if counts[1] else 0.5
        below = p(context[1:], word) if context else 1 / n_words
        total = sum(c for gram, c in grams[n].items() if gram[:-1] == context)
        if not total:
            return below
        types = sum(gram[:-1] == context for gram in grams[n])
        own = max(grams[n][*context, word] - discount, 0)
        return (own + discount * types * below) / total

    return p


def test_unigrams_by_hand():
    assert unigram_probabilities(np.array([0, 0, 1]), 3).tolist() == [3 / 6, 2 / 6, 1 / 6]


@pytest.mark.parametrize("order", [2, 3])
def test_probabilities_sum_to_one_after_every_context(order):
    model = KneserNey(TEXT, order, N_WORDS)
    for first in range(N_WORDS):
        for second in range(0, N_WORDS, 4):
            p = after(model, [first, second])
            assert p.sum() == pytest.approx(1)
            assert (p > 0).all()


@pytest.mark.parametrize("order", [2, 3])
def test_probabilities_are_those_of_the_paper(order):
    text, held_out = TEXT[:150], TEXT[150:190]
    p = by_definition(text, order, N_WORDS)
    expected = [
        p(tuple(held_out[max(0, i - order + 1) : i].tolist()), int(held_out[i]))
        for i in range(order - 1, len(held_out))
    ]
    got = KneserNey(text, order, N_WORDS).probabilities(held_out)
    assert len(got) == len(held_out) - 1
    np.testing.assert_allclose(got[order - 2 :], expected)


def test_bigrams_by_hand():
    # a b a c a b: bigrams ab 2, ba 1, ac 1, ca 1; discount 3 / (3 + 2) = 0.6
    # types before a, b, c: 2, 1, 1, of which two are 1 and one is 2; discount 2 / (2 + 2) = 0.5
    text = np.array([0, 1, 0, 2, 0, 1])
    continuation = (1 - 0.5 + 0.5 * 3 * 1 / 3) / 4
    expected = (2 - 0.6 + 0.6 * 2 * continuation) / 3
    p = KneserNey(text, 2, 3).probabilities(np.array([0, 1]))
    assert p[0] == pytest.approx(expected)


def test_what_follows_is_known():
    text = np.tile([0, 1, 2, 3], 50)
    assert perplexity(unigram_probabilities(text, 4)[text]) == pytest.approx(4)
    assert perplexity(KneserNey(text, 2, 4).probabilities(text)) < 1.2
    # 0 0 1 1: only two words say what comes next.
    text = np.tile([0, 0, 1, 1], 50)
    assert perplexity(KneserNey(text, 2, 2).probabilities(text)) > 1.9
    assert perplexity(KneserNey(text, 3, 2).probabilities(text)) < 1.2
