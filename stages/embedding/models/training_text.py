"""The vocabulary, and the training text as a stream that is read once per epoch."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.core.errors import StageError
from stages.core.vocabulary import UNKNOWN, read_words

# gensim silently skips all words of a document beyond this many.
LONGEST_PIECE = 10_000


class Vocabulary(NamedTuple):
    """The words of the corpus, from frequent to rare.

    Attributes:
        words: words, without the special tokens; `Batch.ids` are indices into this list.
        counts: counts of the words in the training split, (words,).
    """

    words: list[str]
    counts: np.ndarray


class Batch(NamedTuple):
    """Documents as indices into the vocabulary.

    Attributes:
        ids: word indices of all documents, -1 for words outside the vocabulary, (tokens,).
        lengths: numbers of tokens, (documents,).
    """

    ids: np.ndarray
    lengths: np.ndarray


def read_vocabulary(path: Path) -> Vocabulary:
    """Read the table `vocabulary`.

    Raises:
        StageError: the table has fewer than two words.
    """
    table = read_words(path)
    if len(table) < 2:
        raise StageError(
            f"{path} has {len(table)} word: word vectors need at least two, so lower "
            "text.tokenize.min_count or bring more text"
        )
    return Vocabulary(table["token"].to_pylist(), table["count"].to_numpy())


class TrainingText:
    """One split of the table `tokens`, read one row group at a time, anew in each pass.

    Iterating yields documents as lists of words, for gensim, which cannot read long documents
    whole: these are split into pieces. Words outside the vocabulary are `<unk>`.

    Args:
        tokens: path of the table `tokens`.
        words: words of the vocabulary.
        split: name of the split.
    """

    def __init__(self, tokens: Path, words: list[str], split: str = "train"):
        self.path = tokens
        self._words = np.array([*words, UNKNOWN], dtype=object)
        self._value_set = pa.array(words, pa.string())
        self._split = split

    def batches(self) -> Iterator[Batch]:
        """Yield the documents of one row group at a time."""
        # Dictionary encoding: each distinct word of a row group is looked up once.
        with pq.ParquetFile(self.path, read_dictionary=["tokens.list.element"]) as file:
            for group in range(file.metadata.num_row_groups):
                rows = file.read_row_group(group, columns=["split", "tokens"])
                rows = rows.filter(pc.equal(rows["split"], self._split))
                for documents in rows["tokens"].chunks:
                    tokens = documents.flatten()
                    indices = pc.index_in(tokens.dictionary, value_set=self._value_set)
                    of_entry = indices.fill_null(-1).to_numpy()
                    ids = of_entry[tokens.indices.to_numpy()] if len(tokens) else of_entry[:0]
                    lengths = pc.list_value_length(documents).to_numpy()
                    yield Batch(ids.astype(np.int32, copy=False), lengths)

    def __iter__(self) -> Iterator[list[str]]:
        for batch in self.batches():
            words = self._words[batch.ids].tolist()
            start = 0
            for length in batch.lengths.tolist():
                for piece in range(start, start + length, LONGEST_PIECE):
                    yield words[piece : min(piece + LONGEST_PIECE, start + length)]
                start += length

    def size(self) -> tuple[int, int]:
        """Return the numbers of documents and of tokens."""
        documents = tokens = 0
        for batch in self.batches():
            documents += len(batch.lengths)
            tokens += len(batch.ids)
        return documents, tokens
