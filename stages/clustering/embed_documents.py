"""Embed documents as weighted averages of word vectors, in one space with frequent words."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field
from sklearn.preprocessing import normalize

from stages.clustering.contracts import POINTS
from stages.clustering.points import Points
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.vectors import read_word_vectors
from stages.metrics.embed_documents import EmbedDocumentsMetrics


class EmbedDocumentsParams(Params):
    """The section `clustering.embed_documents`."""

    words: int = Field(ge=2)
    skip_words: int = Field(ge=0)
    smoothing: float = Field(gt=0)


def average_documents(
    documents: Iterable[list[str]],
    row_of: dict[str, int],
    vectors: np.ndarray,
    probabilities: np.ndarray,
    smoothing: float,
) -> np.ndarray:
    """Return the smooth inverse frequency embeddings of documents, (documents, dimensions).

    The embedding of a document is the average of its word vectors, where a word of probability p
    has the weight a / (a + p), minus the mean over all documents. This is algorithm 1 of Arora,
    Liang and Ma 2017 with the mean instead of the first principal component. A document without
    known words is zero.

    Args:
        documents: tokens of each document.
        row_of: rows of the words in `vectors`.
        vectors: word vectors, (words, dimensions).
        probabilities: shares of the words in the text, (words,).
        smoothing: constant a.
    """
    weighted = vectors * (smoothing / (smoothing + probabilities))[:, np.newaxis]
    averages = []
    for tokens in documents:
        rows = [row_of[token] for token in tokens if token in row_of]
        averages.append(weighted[rows].mean(axis=0) if rows else np.zeros(vectors.shape[1]))
    matrix = np.array(averages)
    known = matrix.any(axis=1)
    matrix[known] -= matrix[known].mean(axis=0)
    return matrix


@command
def main(
    *,
    params: EmbedDocumentsParams,
    tokens: Input,
    vectors: Input,
    words: Table[POINTS],
    documents: Table[POINTS],
    metrics: Output,
) -> None:
    """Embed documents as averages of their word vectors, and select the most frequent words."""
    vocabulary, word_vectors = read_word_vectors(vectors)
    names = vocabulary["token"].to_pylist()
    counts = vocabulary["count"].to_numpy()
    if len(names) <= params.skip_words:
        raise StageError(
            f"{vectors} has {len(names)} words, and none is left after skipping "
            f"{params.skip_words}: lower {params.section}.skip_words or bring more text"
        )
    chosen = slice(params.skip_words, params.skip_words + params.words)
    word_points = Points(
        names[chosen], [None] * len(names[chosen]), normalize(word_vectors[chosen])
    )

    rows = pq.read_table(tokens, columns=["doc_id", "tokens", "label"])
    averages = average_documents(
        rows["tokens"].to_pylist(),
        {word: row for row, word in enumerate(names)},
        word_vectors,
        counts / counts.sum(),
        params.smoothing,
    )
    known = averages.any(axis=1)
    kept = rows.filter(pa.array(known))
    document_points = Points(
        kept["doc_id"].to_pylist(), kept["label"].to_pylist(), normalize(averages[known])
    )
    words.write(word_points.to_table())
    documents.write(document_points.to_table())
    metrics.write_json(
        EmbedDocumentsMetrics(
            words=len(word_points.names),
            documents=len(document_points.names),
            dropped={"no_known_word": int((~known).sum())},
        )
    )
