"""Embed documents as weighted averages of word vectors, in one space with frequent words."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field
from scipy.sparse import csr_array, diags_array
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize

from stages.clustering.contracts import POINTS
from stages.clustering.points import Points
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.vectors import read_vectors
from stages.metrics.embed_documents import EmbedDocumentsMetrics

ROUNDING = 1e-9


class EmbedDocumentsParams(Params):
    """The section `clustering.embed_documents`."""

    words: int = Field(ge=2)
    skip_words: int = Field(ge=0)
    idf_power: float = Field(ge=0)
    sparse_dimensions: int = Field(ge=2)
    seed: int


def weigh(
    documents: list[list[str]], words: list[str], is_training: np.ndarray, idf_power: float
) -> csr_array:
    """Return the weights of words in documents, (documents, words), in rows of length 1 or 0.

    The weight of a word is (1 + log of its count) times a power of its inverse document frequency,
    which is counted on the training documents.

    Args:
        documents: tokens of each document.
        words: the known words.
        is_training: whether each document is of the training split, (documents,).
        idf_power: the power: 0 leaves frequent words as they are, 1 is TF-IDF.
    """
    counts = CountVectorizer(analyzer=list, vocabulary=words).transform(documents)
    idf = TfidfTransformer(sublinear_tf=True).fit(counts[is_training]).idf_
    counts.data = 1 + np.log(counts.data)
    return normalize(csr_array(counts) @ diags_array(idf**idf_power))


def to_dense(
    vectors: csr_array, weights: csr_array, is_training: np.ndarray, dimensions: int, seed: int
) -> np.ndarray:
    """Return sparse word vectors as dense ones, (words, dimensions).

    They are projected onto the first right singular vectors of the averages of training documents.
    For one-hot vectors these averages are TF-IDF, and the projection is latent semantic analysis of
    documents (Deerwester et al. 1990).

    Args:
        vectors: sparse word vectors, (words, sparse dimensions).
        weights: weights of the words in the documents, (documents, words).
        is_training: whether each document is of the training split, (documents,).
        dimensions: number of dimensions, fewer if there are fewer documents or words.
        seed: seed of the randomized decomposition.
    """
    averages = weights[is_training] @ vectors
    svd = TruncatedSVD(min(dimensions, *averages.shape), random_state=seed).fit(averages)
    return vectors @ svd.components_.T


def average_documents(
    weights: csr_array, vectors: np.ndarray, is_training: np.ndarray
) -> np.ndarray:
    """Return documents as weighted averages of word vectors, (documents, dimensions).

    The averages have length 1, then lose the mean of those in training, which all documents share,
    and have length 1 again. A document without known words is zero.

    Args:
        weights: weights of the words in the documents, (documents, words).
        vectors: word vectors, (words, dimensions).
        is_training: whether each document is of the training split, (documents,).
    """
    averages = normalize(weights @ vectors)
    known = averages.any(axis=1)
    averages[known] -= averages[known & is_training].mean(axis=0)
    # Equal documents differ from their mean by rounding.
    averages[np.linalg.norm(averages, axis=1) < ROUNDING] = 0
    return normalize(averages)


def checked(vectors: np.ndarray | csr_array, source: Path) -> np.ndarray | csr_array:
    """Return word vectors in double precision.

    Raises:
        StageError: a vector has NaN or infinity.
    """
    if not np.isfinite(vectors if isinstance(vectors, np.ndarray) else vectors.data).all():
        raise StageError(
            f"{source} has NaN or infinity in its vectors: train the embedding again with a lower "
            "learning rate"
        )
    return vectors.astype(np.float64)


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
    table, values = read_vectors(vectors)
    names, word_vectors = table["token"].to_pylist(), checked(values, vectors)
    if len(names) <= params.skip_words + 1:
        raise StageError(
            f"{vectors} has {len(names)} words, and fewer than 2 are left after skipping "
            f"{params.skip_words}: lower {params.section}.skip_words or bring more text"
        )
    rows = pq.read_table(tokens, columns=["doc_id", "split", "tokens", "label"])
    is_training = rows["split"].to_numpy() == "train"
    weights = weigh(rows["tokens"].to_pylist(), names, is_training, params.idf_power)
    if not weights[is_training].nnz:
        raise StageError(
            f"no training document of {tokens} has a word of {vectors}: run the stage that writes "
            f"{vectors} again"
        )
    sparse_dimensions = None
    if not isinstance(word_vectors, np.ndarray):
        sparse_dimensions = word_vectors.shape[1]
        word_vectors = to_dense(
            word_vectors, weights, is_training, params.sparse_dimensions, params.seed
        )
    averages = average_documents(weights, word_vectors, is_training)
    known = averages.any(axis=1)
    kept = rows.filter(pa.array(known))
    if not len(kept):
        raise StageError(
            f"all documents of {tokens} are equal by the vectors of {vectors}: train the embedding "
            "for more epochs, or bring more text"
        )
    chosen = np.arange(params.skip_words, len(names))[: params.words]
    placed = chosen[word_vectors[chosen].any(axis=1)]
    word_points = Points(
        [names[row] for row in placed],
        [None] * len(placed),
        [None] * len(placed),
        normalize(word_vectors[placed]),
    )
    document_points = Points(
        kept["doc_id"].to_pylist(),
        kept["label"].to_pylist(),
        kept["split"].to_pylist(),
        averages[known],
    )
    words.write(word_points.to_table())
    documents.write(document_points.to_table())
    metrics.write_json(
        EmbedDocumentsMetrics(
            words=len(placed),
            documents=len(kept),
            dimensions=word_vectors.shape[1],
            sparse_dimensions=sparse_dimensions,
            dropped={
                "documents_without_vector": int((~known).sum()),
                "words_without_vector": len(chosen) - len(placed),
            },
        )
    )
