"""Documents as token ids and labels as classes."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from stages.core.vectors import read_word_vectors
from stages.sequence.classification.documents import Documents

# Token id of every word without a vector.
UNKNOWN_ID = 0
# Class of a label that the training split lacks.
UNSEEN_LABEL = -1


class Split(NamedTuple):
    """The encoded documents of a split.

    Attributes:
        words: token ids of each document, (tokens,)
        classes: class of each document, (documents,)
    """

    words: list[Tensor]
    classes: Tensor


def read_vectors(path: Path) -> tuple[list[str], np.ndarray]:
    """Return the word of each token id, and vectors, (words, dimensions).

    Token id 0, with a vector of zeros, is every word without a vector.
    """
    table, vectors = read_word_vectors(path)
    return ["", *table["token"].to_pylist()], np.pad(vectors, ((1, 0), (0, 0)))


def token_ids(document: list[str], id_of: dict[str, int], max_words: int) -> np.ndarray:
    """Return the token ids of a document; of a long one, those of its beginning and its end.

    Args:
        document: tokens of the document
        id_of: token id of each word with a vector
        max_words: tokens to keep
    """
    if len(document) > max_words:
        begin = max_words // 2
        document = document[:begin] + document[len(document) - (max_words - begin) :]
    return np.array([id_of.get(word, UNKNOWN_ID) for word in document], dtype=np.int64)


def encode(
    documents: Documents, id_of: dict[str, int], classes: list[str], max_words: int
) -> Split:
    """Return documents as token ids and classes; `token_ids` explains the arguments."""
    index = {label: i for i, label in enumerate(classes)}
    return Split(
        [torch.from_numpy(token_ids(d, id_of, max_words)) for d in documents.tokens],
        torch.tensor([index.get(label, UNSEEN_LABEL) for label in documents.labels]),
    )
