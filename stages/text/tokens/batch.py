"""Tokens of a batch of documents, and their counts."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse

from stages.text.contracts import SPLITS, TOKENS


class Tokens(NamedTuple):
    """Tokens of a batch of documents.

    Attributes:
        distinct: distinct tokens.
        ids: index in `distinct` of each token, document after document, (tokens,).
        sentence_lengths: number of tokens of each sentence, at least 1, (sentences,).
        sentences: number of sentences of each document, (documents,).
    """

    distinct: pa.Array
    ids: np.ndarray
    sentence_lengths: np.ndarray
    sentences: np.ndarray


class TokenizedBatch(NamedTuple):
    """Rows of the table `tokens`, and counts.

    Attributes:
        rows: rows of the documents that have a token.
        counts: columns `token`, distinct; `train`, `validation` and `test`, its count in each
            split; `documents`, number of training documents that contain it.
        tokens: number of tokens by split, (3,).
        sentences: number of sentences by split, (3,).
        documents: number of documents with a token by split, (3,).
    """

    rows: pa.Table
    counts: pa.Table
    tokens: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray


def join_documents(documents: list[tuple[list[str], list[int]]]) -> Tokens:
    """Join documents, each given as a list of tokens and the sentence number of each token."""
    words = pa.array([word for words, _ in documents for word in words], pa.string())
    encoded = words.dictionary_encode()
    lengths = np.array([len(words) for words, _ in documents])
    of_document = np.repeat(np.arange(len(documents)), lengths)
    sentence = np.array([n for _, numbers in documents for n in numbers], dtype=np.int64)
    begins = np.ones(len(words), dtype=bool)
    begins[1:] = (sentence[1:] != sentence[:-1]) | (of_document[1:] != of_document[:-1])
    starts = np.flatnonzero(begins)
    return Tokens(
        encoded.dictionary,
        encoded.indices.to_numpy(),
        np.diff(starts, append=len(words)),
        np.bincount(of_document[starts], minlength=len(documents)),
    )


def count(documents: pa.Table, tokens: Tokens) -> TokenizedBatch:
    """Put the tokens of a batch of the table `documents` into a table and count them."""
    distinct, ids, sentence_lengths, sentences = tokens
    split = np.array([SPLITS.index(name) for name in documents["split"].to_pylist()])
    sentence_offsets = np.concatenate([[0], np.cumsum(sentences)]).astype(np.int32)
    token_offsets = np.concatenate([[0], np.cumsum(sentence_lengths)]).astype(np.int32)
    token_offsets = token_offsets[sentence_offsets]
    lengths = np.diff(token_offsets)

    # Counts by document and token, stored by token.
    in_documents = scipy.sparse.csr_array(
        (np.ones(len(ids), np.int32), ids, token_offsets), shape=(len(documents), len(distinct))
    ).tocsc()
    in_documents.sum_duplicates()
    of_split = split[in_documents.indices]
    token = np.repeat(np.arange(len(distinct)), np.diff(in_documents.indptr))
    counts = np.zeros((len(SPLITS) + 1, len(distinct)), dtype=np.int64)
    counts[:-1].flat = np.bincount(
        of_split * len(distinct) + token, in_documents.data, counts[:-1].size
    )
    is_train = of_split == SPLITS.index("train")
    counts[-1] = np.bincount(token[is_train], minlength=len(distinct))

    columns = {
        "doc_id": documents["doc_id"],
        "split": documents["split"],
        "tokens": pa.ListArray.from_arrays(token_offsets, distinct.take(pa.array(ids))),
        "sentence_lengths": pa.ListArray.from_arrays(
            sentence_offsets, pa.array(sentence_lengths, pa.int32())
        ),
        "label": documents["label"],
    }
    rows = pa.table(columns).cast(TOKENS.schema)
    filled = lengths > 0
    return TokenizedBatch(
        rows if filled.all() else rows.filter(pa.array(filled)),
        pa.table([distinct, *counts], names=["token", *SPLITS, "documents"]),
        np.bincount(split, weights=lengths, minlength=len(SPLITS)).astype(np.int64),
        np.bincount(split, weights=sentences, minlength=len(SPLITS)).astype(np.int64),
        np.bincount(split[filled], minlength=len(SPLITS)),
    )
