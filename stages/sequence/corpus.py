"""The corpus as one stream of word numbers per split, for language models."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from stages.errors import StageError
from stages.vocabulary import END, UNKNOWN, read_words


class Corpus(NamedTuple):
    """Word numbers in document order; each document ends with `<eos>`.

    Attributes:
        words: the word of each number: `<unk>`, `<eos>`, then the vocabulary.
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
    for split, document in _documents(tokens):
        streams[split].extend(number.get(token, 0) for token in document)
        streams[split].append(1)
    for split, stream in streams.items():
        if not stream:
            raise StageError(f"{tokens} has no words in the {split} split: bring more text")
    return Corpus(words, {split: np.array(ids, dtype=np.int64) for split, ids in streams.items()})


def _documents(tokens: Path) -> Iterator[tuple[str, list[str]]]:
    for batch in pq.ParquetFile(tokens).iter_batches(columns=["split", "tokens"]):
        yield from zip(batch["split"].to_pylist(), batch["tokens"].to_pylist(), strict=True)
