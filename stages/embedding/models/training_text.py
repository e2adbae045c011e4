"""The training text as a model reads it: word by word, as often as it likes, never whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.core.errors import StageError
from stages.core.vocabulary import UNKNOWN, read_words

# Words that gensim reads of one document; of a longer one it would pass over the rest.
LONGEST_PIECE = 10_000


class Vocabulary(NamedTuple):
    """The words of the corpus, from frequent to rare.

    Attributes:
        words: the words; the number of a word is its place here.
        counts: of each in the training split, of shape (words,).
    """

    words: list[str]
    counts: np.ndarray


class Batch(NamedTuple):
    """Documents as word numbers.

    Attributes:
        ids: one document after another, -1 for a word outside the vocabulary, of shape (tokens,).
        lengths: tokens of each document, of shape (documents,).
    """

    ids: np.ndarray
    lengths: np.ndarray


def read_vocabulary(path: Path) -> Vocabulary:
    """Read the table `vocabulary`.

    Raises:
        StageError: it has fewer than two words, of which nothing can be learned.
    """
    table = read_words(path)
    if len(table) < 2:
        raise StageError(
            f"{path} has {len(table)} word: word vectors need two at least, so lower "
            "text.tokenize.min_count or bring more text"
        )
    return Vocabulary(table["token"].to_pylist(), table["count"].to_numpy())


class TrainingText:
    """One split of the table `tokens`, read anew, row group by row group, in each pass.

    Iterating yields pieces of documents as lists of words, as gensim takes them; a word outside the
    vocabulary is `<unk>`.

    Args:
        tokens: the table.
        words: the vocabulary.
        split: which documents.
    """

    def __init__(self, tokens: Path, words: list[str], split: str = "train"):
        self.path = tokens
        self._words = np.array([*words, UNKNOWN], dtype=object)
        self._value_set = pa.array(words, pa.string())
        self._split = split

    def batches(self) -> Iterator[Batch]:
        """Yield the documents of a row group at a time."""
        # Read as dictionaries, every distinct word of a row group is looked up once.
        with pq.ParquetFile(self.path, read_dictionary=["tokens.list.element"]) as file:
            for group in range(file.metadata.num_row_groups):
                rows = file.read_row_group(group, columns=["split", "tokens"])
                rows = rows.filter(pc.equal(rows["split"], self._split))
                for documents in rows["tokens"].chunks:
                    tokens = documents.flatten()
                    known = pc.index_in(tokens.dictionary, value_set=self._value_set)
                    number = known.fill_null(-1).to_numpy()
                    ids = number[tokens.indices.to_numpy()] if len(tokens) else number[:0]
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
