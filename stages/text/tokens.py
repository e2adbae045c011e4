"""Tokens of a batch of documents, and what is counted of them."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse

from stages.text.contracts import SPLITS, TOKENS


class Tokens(NamedTuple):
    """Tokens of some documents.

    Attributes:
        distinct: the tokens, each once.
        ids: which of them stand in the text, one document after another.
        sentence_lengths: tokens of each sentence; none is empty.
        sentences: number of sentences of each document, of shape (documents,).
    """

    distinct: pa.Array
    ids: np.ndarray
    sentence_lengths: np.ndarray
    sentences: np.ndarray


class TokenizedBatch(NamedTuple):
    """Rows of the table `tokens`, and what is counted of them.

    Attributes:
        rows: of the documents that have a token.
        distinct: the tokens, each once.
        counts: of each in train, validation and test, and the training documents that it is in,
            of shape (4, distinct).
        tokens: in each split, of shape (3,).
        sentences: in each split, of shape (3,).
        documents: in each split, of shape (3,).
    """

    rows: pa.Table
    distinct: pa.Array
    counts: np.ndarray
    tokens: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray


def join_documents(documents: list[tuple[list[str], list[int]]]) -> Tokens:
    """Return documents that are lists of tokens with the number of the sentence of each."""
    words = pa.array([word for words, _ in documents for word in words], pa.string())
    encoded = words.dictionary_encode()
    lengths = np.array([len(words) for words, _ in documents])
    of_document = np.repeat(np.arange(len(documents)), lengths)
    number = np.array([n for _, numbers in documents for n in numbers], dtype=np.int64)
    begins = np.ones(len(words), dtype=bool)
    begins[1:] = (number[1:] != number[:-1]) | (of_document[1:] != of_document[:-1])
    starts = np.flatnonzero(begins)
    return Tokens(
        encoded.dictionary,
        encoded.indices.to_numpy(),
        np.diff(starts, append=len(words)),
        np.bincount(of_document[starts], minlength=len(documents)),
    )


def count(documents: pa.Table, tokens: Tokens) -> TokenizedBatch:
    """Put the tokens of some rows of `documents` into a table and count them."""
    distinct, ids, sentence_lengths, sentences = tokens
    split = np.array([SPLITS.index(name) for name in documents["split"].to_pylist()], dtype=np.int8)
    sentence_offsets = np.concatenate([[0], np.cumsum(sentences)])
    token_offsets = np.concatenate([[0], np.cumsum(sentence_lengths)])[sentence_offsets]
    lengths = np.diff(token_offsets)

    of_document = np.repeat(np.arange(len(documents), dtype=np.int32), lengths)
    of_split = split[of_document].astype(np.int64)
    counts = np.zeros((len(SPLITS) + 1, len(distinct)), dtype=np.int64)
    flat = np.bincount(of_split * len(distinct) + ids, minlength=counts[:-1].size)
    counts[:-1] = flat.reshape(len(SPLITS), len(distinct))
    # By columns, the documents of a token stand in order, so that equal ones are neighbours.
    train = of_split == SPLITS.index("train")
    by_token = scipy.sparse.coo_array(
        (np.ones(train.sum(), np.int8), (of_document[train], ids[train])),
        shape=(len(documents), len(distinct)),
    ).tocsc(copy=False)
    counts[-1] = np.diff(by_token.indptr)

    def column(offsets: np.ndarray, values: pa.Array) -> pa.ListArray:
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)

    texts = column(token_offsets, distinct.take(pa.array(ids)))
    per_sentence = column(sentence_offsets, pa.array(sentence_lengths, pa.int32()))
    columns = {
        "doc_id": documents["doc_id"], "split": documents["split"], "tokens": texts,
        "sentence_lengths": per_sentence, "label": documents["label"],
    }  # fmt: skip
    rows = pa.table([columns[name] for name in TOKENS.schema.names], names=TOKENS.schema.names)
    filled = lengths > 0
    return TokenizedBatch(
        rows.filter(pa.array(filled)).cast(TOKENS.schema),
        distinct,
        counts,
        np.bincount(split, weights=lengths, minlength=len(SPLITS)).astype(np.int64),
        np.bincount(split, weights=sentences, minlength=len(SPLITS)).astype(np.int64),
        np.bincount(split[filled], minlength=len(SPLITS)),
    )
