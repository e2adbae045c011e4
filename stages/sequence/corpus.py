"""The corpus as one stream of word numbers per split, for language models."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from stages.core.errors import StageError
from stages.core.vocabulary import END, UNKNOWN, read_words

UNKNOWN_NUMBER, END_NUMBER = 0, 1


class Corpus(NamedTuple):
    """Word numbers in document order; each sentence ends with `<eos>`.

    All models, n-grams and recurrent ones, read and predict this same stream: every word of a
    split but its first, from what stands before it, across the ends of sentences and documents.

    Attributes:
        words: the word of each number: `<unk>`, `<eos>`, then the vocabulary, frequent words first.
        streams: for each split an array of numbers, of shape (words,).
    """

    words: list[str]
    streams: dict[str, np.ndarray]


def read(tokens: Path, vocabulary: Path) -> Corpus:
    """Read the tables `tokens` and `vocabulary`; a token outside the vocabulary is `<unk>`.

    Raises:
        StageError: a split has no words.
    """
    words = [UNKNOWN, END, *read_words(vocabulary)["token"].to_pylist()]
    number = {word: i for i, word in enumerate(words)}
    streams: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for split, sentence in _sentences(tokens):
        streams[split].extend(number.get(token, UNKNOWN_NUMBER) for token in sentence)
        streams[split].append(END_NUMBER)
    for split, stream in streams.items():
        if not stream:
            raise StageError(f"{tokens} has no words in the {split} split: bring more text")
    return Corpus(words, {split: np.array(ids, dtype=np.int64) for split, ids in streams.items()})


def judged(corpus: Corpus) -> dict[str, np.ndarray]:
    """Return what perplexity is measured on, of shape (words,) for each split.

    Of the training split it is the beginning, as long as the test split; the others are whole.
    """
    train = corpus.streams["train"][: len(corpus.streams["test"])]
    return {**corpus.streams, "train": train}


def _sentences(tokens: Path) -> Iterator[tuple[str, list[str]]]:
    columns = ["split", "tokens", "sentence_lengths"]
    for batch in pq.ParquetFile(tokens).iter_batches(columns=columns):
        for split, document, lengths in zip(*(batch[c].to_pylist() for c in columns), strict=True):
            start = 0
            for length in lengths:
                yield split, document[start : start + length]
                start += length
