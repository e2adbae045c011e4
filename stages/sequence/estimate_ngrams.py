"""Estimate unigram, bigram and trigram models: what a recurrent model has to beat."""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.core.outputs import Outputs
from stages.sequence.corpus import judged, read


class Counts(NamedTuple):
    """N-grams of one length: contexts and words, in the order of their keys.

    Attributes:
        keys: context * n_words + word, increasing, of shape (n-grams,).
        counts: how often each was seen, or for lower orders after how many different words.
    """

    keys: np.ndarray
    counts: np.ndarray


def unigram_probabilities(train: np.ndarray, n_words: int) -> np.ndarray:
    """Return the probability of each word, add-one smoothed, of shape (words,)."""
    counts = np.bincount(train, minlength=n_words) + 1
    return counts / counts.sum()


class KneserNey:
    """Interpolated Kneser-Ney smoothing (Chen and Goodman 1999, equations 13, 20 and 24).

    The highest order uses the counts of its n-grams; each lower one counts after how many
    different words an n-gram was seen. From every count its order's discount n1 / (n1 + 2 n2) is
    taken, n1 and n2 being how many counts are 1 and 2 (a half where none is 1), and what that frees
    goes to the order below, at the bottom to the uniform distribution.

    Args:
        train: word numbers of the training text, of shape (words,).
        order: the length of the longest n-grams: 2 for bigrams, 3 for trigrams.
        n_words: size of the vocabulary.
    """

    def __init__(self, train: np.ndarray, order: int, n_words: int):
        if n_words**order >= 2**63:
            raise ValueError(f"{n_words} words have too many {order}-grams to number them")
        self._n_words, self._order = n_words, order
        self._levels: list[Counts] = []
        keys, counts = np.unique(_keys(train, order, n_words), return_counts=True)
        for length in range(order, 0, -1):
            self._levels.insert(0, Counts(keys, counts))
            # Without its first word, every n-gram type counts once for the shorter one.
            keys, counts = np.unique(keys % n_words ** (length - 1), return_counts=True)

    def probabilities(self, text: np.ndarray) -> np.ndarray:
        """Return the probability of each word of `text` but its first, of shape (words - 1,).

        The first words have shorter contexts than the order allows.
        """
        p = np.full(len(text) - 1, 1 / self._n_words)
        for length, level in enumerate(self._levels, start=1):
            keys = _keys(text, length, self._n_words)
            # Words that have this much before them; the first of the text is not predicted.
            reached = slice(max(length - 2, 0), None)
            p[reached] = self._interpolate(level, keys[1 if length == 1 else 0 :], p[reached])
        return p

    def _interpolate(self, level: Counts, keys: np.ndarray, below: np.ndarray) -> np.ndarray:
        """Return the probabilities of one order, from those of the order below."""
        once, twice = (level.counts == 1).sum(), (level.counts == 2).sum()
        discount = once / (once + 2 * twice) if once else 0.5
        contexts, starts = np.unique(level.keys // self._n_words, return_index=True)
        totals = np.add.reduceat(level.counts, starts)
        types = np.diff([*starts, len(level.keys)])

        place = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
        seen = np.where(level.keys[place] == keys, level.counts[place], 0)
        wanted = keys // self._n_words
        place = np.minimum(np.searchsorted(contexts, wanted), len(contexts) - 1)
        known = contexts[place] == wanted
        total = np.where(known, totals[place], 1)
        own = (np.maximum(seen - discount, 0) + discount * types[place] * below) / total
        return np.where(known, own, below)


def _keys(text: np.ndarray, length: int, n_words: int) -> np.ndarray:
    """Return a number for each n-gram of `text`, of shape (words - length + 1,)."""
    n = len(text) - length + 1
    keys = np.zeros(max(n, 0), dtype=np.int64)
    for place in range(length):
        keys = keys * n_words + text[place : place + len(keys)]
    return keys


def perplexity(probabilities: np.ndarray) -> float:
    """Return exp of the mean negative log-probability per word."""
    return float(np.exp(-np.log(probabilities).mean()))


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, estimate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("metrics", type=Path)
    args = parser.parse_args(argv)

    corpus = read(args.tokens, args.vocabulary)
    train, n_words = corpus.streams["train"], len(corpus.words)
    unigrams = unigram_probabilities(train, n_words)
    bigrams, trigrams = KneserNey(train, 2, n_words), KneserNey(train, 3, n_words)
    scores: dict[str, dict[str, float]] = {"unigram": {}, "bigram": {}, "trigram": {}}
    for split, stream in judged(corpus).items():
        scores["unigram"][split] = perplexity(unigrams[stream[1:]])
        scores["bigram"][split] = perplexity(bigrams.probabilities(stream))
        scores["trigram"][split] = perplexity(trigrams.probabilities(stream))
    with Outputs() as outputs:
        outputs.json(args.metrics, {"perplexity": scores})
