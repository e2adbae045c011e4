"""The tokens of each split as one stream of token ids."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from stages.core.errors import StageError
from stages.core.vocabulary import END, UNKNOWN, read_words

UNKNOWN_ID, END_ID = 0, 1


class TokenStreams(NamedTuple):
    """Token ids of each split, in document order; each sentence ends with `<eos>`.

    N-gram models and recurrent ones read the same streams. They predict every token of a split
    but the first from the tokens before it, across the ends of sentences and documents.

    Attributes:
        words: word of each token id: `<unk>`, `<eos>`, then the vocabulary, frequent words first
        splits: token ids of each split, (tokens,)
    """

    words: list[str]
    splits: dict[str, np.ndarray]


def read_streams(tokens: Path, vocabulary: Path) -> TokenStreams:
    """Read the tables `tokens` and `vocabulary`; a token outside the vocabulary is `<unk>`.

    The ids are the rows of the language models and not the column `token_id`: `<bos>` is left out.

    Raises:
        StageError: a split has no tokens
    """
    words = [UNKNOWN, END, *read_words(vocabulary)["token"].to_pylist()]
    token_id = {word: i for i, word in enumerate(words)}
    splits: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for split, sentence in _sentences(tokens):
        splits[split].extend(token_id.get(token, UNKNOWN_ID) for token in sentence)
        splits[split].append(END_ID)
    for split, ids in splits.items():
        if not ids:
            raise StageError(f"{tokens} has no words in the {split} split: bring more text")
    return TokenStreams(words, {split: np.array(ids, np.int64) for split, ids in splits.items()})


def evaluation_streams(streams: TokenStreams) -> dict[str, np.ndarray]:
    """Return the token ids that perplexity is measured on, (tokens,) for each split.

    The training split is cut to the length of the test split; the others are whole.
    """
    train = streams.splits["train"][: len(streams.splits["test"])]
    return {**streams.splits, "train": train}


def _sentences(tokens: Path) -> Iterator[tuple[str, list[str]]]:
    columns = ["split", "tokens", "sentence_lengths"]
    for batch in pq.ParquetFile(tokens).iter_batches(columns=columns):
        for split, document, lengths in zip(*(batch[c].to_pylist() for c in columns), strict=True):
            start = 0
            for length in lengths:
                yield split, document[start : start + length]
                start += length
