"""Estimate unigram, bigram and trigram models: the baselines of the language models."""

from typing import NamedTuple

import numpy as np

from stages.core.command import Input, command
from stages.core.outputs import Output
from stages.metrics.estimate_ngrams import EstimateNgramsMetrics
from stages.sequence.language.streams import evaluation_streams, read_streams


class Counts(NamedTuple):
    """N-grams of one length, in the order of their keys.

    Attributes:
        keys: context * n_words + word, increasing, (n-grams,)
        counts: occurrences of each, or for lower orders the different words seen before it
    """

    keys: np.ndarray
    counts: np.ndarray


def unigram_probabilities(train: np.ndarray, n_words: int) -> np.ndarray:
    """Return the add-one smoothed probability of each word, (words,)."""
    counts = np.bincount(train, minlength=n_words) + 1
    return counts / counts.sum()


class KneserNey:
    """Interpolated Kneser-Ney smoothing (Chen and Goodman 1999, equations 13, 20 and 24).

    The highest order uses the counts of its n-grams; a lower order counts the different words
    seen before an n-gram. Every count is reduced by the discount of its order, n1 / (n1 + 2 n2),
    where n1 and n2 are the numbers of counts that are 1 and 2 (0.5 if none is 1). The freed
    probability goes to the order below, and from the lowest order to the uniform distribution.

    Args:
        train: token ids of the training text, (tokens,)
        order: length of the longest n-grams: 2 for bigrams, 3 for trigrams
        n_words: size of the vocabulary
    """

    def __init__(self, train: np.ndarray, order: int, n_words: int):
        if n_words**order >= 2**63:
            raise ValueError(f"{n_words} words have too many {order}-grams for 64-bit keys")
        self._n_words, self._order = n_words, order
        self._levels: list[Counts] = []
        keys, counts = np.unique(_keys(train, order, n_words), return_counts=True)
        for length in range(order, 0, -1):
            self._levels.insert(0, Counts(keys, counts))
            # Every different n-gram counts once for the n-gram without its first word.
            keys, counts = np.unique(keys % n_words ** (length - 1), return_counts=True)

    def probabilities(self, text: np.ndarray) -> np.ndarray:
        """Return the probability of each token of `text` but the first, (tokens - 1,).

        The contexts of the first tokens are shorter than the order allows.
        """
        p = np.full(len(text) - 1, 1 / self._n_words)
        for length, level in enumerate(self._levels, start=1):
            keys = _keys(text, length, self._n_words)
            # The tokens with a context of this length; the first token is not predicted.
            predicted = slice(max(length - 2, 0), None)
            p[predicted] = self._interpolate(level, keys[1 if length == 1 else 0 :], p[predicted])
        return p

    def _interpolate(self, level: Counts, keys: np.ndarray, below: np.ndarray) -> np.ndarray:
        """Return the probabilities of one order, given those of the order below."""
        once, twice = (level.counts == 1).sum(), (level.counts == 2).sum()
        discount = once / (once + 2 * twice) if once else 0.5
        contexts, starts = np.unique(level.keys // self._n_words, return_index=True)
        totals = np.add.reduceat(level.counts, starts)
        types = np.diff([*starts, len(level.keys)])

        index = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
        count = np.where(level.keys[index] == keys, level.counts[index], 0)
        context = keys // self._n_words
        index = np.minimum(np.searchsorted(contexts, context), len(contexts) - 1)
        known = contexts[index] == context
        total = np.where(known, totals[index], 1)
        p = (np.maximum(count - discount, 0) + discount * types[index] * below) / total
        return np.where(known, p, below)


def _keys(text: np.ndarray, length: int, n_words: int) -> np.ndarray:
    """Return the key of each n-gram of `text`, (tokens - length + 1,)."""
    n = len(text) - length + 1
    keys = np.zeros(max(n, 0), dtype=np.int64)
    for start in range(length):
        keys = keys * n_words + text[start : start + len(keys)]
    return keys


def perplexity(probabilities: np.ndarray) -> float:
    """Return the exponential of the mean negative log-probability per token."""
    return float(np.exp(-np.log(probabilities).mean()))


@command
def main(*, tokens: Input, vocabulary: Input, metrics: Output) -> None:
    """Estimate unigram, bigram and trigram models: the baselines of the language models."""
    streams = read_streams(tokens, vocabulary)
    train, n_words = streams.splits["train"], len(streams.words)
    unigrams = unigram_probabilities(train, n_words)
    bigrams, trigrams = KneserNey(train, 2, n_words), KneserNey(train, 3, n_words)
    scores: dict[str, dict[str, float]] = {"unigram": {}, "bigram": {}, "trigram": {}}
    for split, ids in evaluation_streams(streams).items():
        scores["unigram"][split] = perplexity(unigrams[ids[1:]])
        scores["bigram"][split] = perplexity(bigrams.probabilities(ids))
        scores["trigram"][split] = perplexity(trigrams.probabilities(ids))
    metrics.write_json(EstimateNgramsMetrics(perplexity=scores))
