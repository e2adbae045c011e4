"""Estimate unigram and bigram models: the perplexities that a recurrent model has to beat."""

import argparse
from pathlib import Path

import numpy as np

from stages.outputs import Outputs
from stages.sequence.corpus import read


def unigram_probabilities(train: np.ndarray, n_words: int) -> np.ndarray:
    """Return the probability of each word, add-one smoothed, of shape (words,)."""
    counts = np.bincount(train, minlength=n_words) + 1
    return counts / counts.sum()


def bigram_probabilities(
    train: np.ndarray, previous: np.ndarray, following: np.ndarray, n_words: int
) -> np.ndarray:
    """Return P(following | previous) by interpolated Kneser-Ney smoothing.

    The discount is n1 / (n1 + 2 n2), n1 and n2 being the number of bigrams seen once and twice
    (Chen and Goodman 1999, equations 13 and 24); below the bigrams stands the continuation
    probability, discounted in the same way down to the uniform distribution.

    Args:
        train: word numbers of the training text, of shape (words,).
        previous: of the words to condition on, of shape (n,).
        following: of the words to predict, of shape (n,).
        n_words: size of the vocabulary.
    """
    bigrams, counts = np.unique(train[:-1] * n_words + train[1:], return_counts=True)
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    discount = once / (once + 2 * twice) if once else 0.0
    first, second = bigrams // n_words, bigrams % n_words
    context_count = np.bincount(first, weights=counts, minlength=n_words)
    types_after = np.bincount(first, minlength=n_words)
    types_before = np.bincount(second, minlength=n_words)

    freed = discount * (types_before > 0).sum()
    continuation = np.maximum(types_before - discount, 0) + freed / n_words
    continuation = continuation / continuation.sum()

    wanted = previous * n_words + following
    place = np.minimum(np.searchsorted(bigrams, wanted), len(bigrams) - 1)
    seen = np.where(bigrams[place] == wanted, counts[place], 0)
    total = context_count[previous]
    interpolated = (
        np.maximum(seen - discount, 0) + discount * types_after[previous] * continuation[following]
    ) / np.maximum(total, 1)
    return np.where(total > 0, interpolated, continuation[following])


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
    scores: dict[str, dict[str, float]] = {"unigram": {}, "bigram": {}}
    for split in ("validation", "test"):
        stream = corpus.streams[split]
        # Every model predicts the same words: all of the split but its first.
        scores["unigram"][split] = perplexity(unigrams[stream[1:]])
        scores["bigram"][split] = perplexity(
            bigram_probabilities(train, stream[:-1], stream[1:], n_words)
        )
    with Outputs() as outputs:
        outputs.json(args.metrics, {"perplexity": scores})
