"""Latent semantic analysis: truncated SVD of documents by words or of words by contexts."""

from typing import Literal

import numpy as np
import scipy.sparse
from pydantic import Field

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.embedding.models.cooccurrence import cooccurrence
from stages.embedding.models.model import Model, ModelParams, log_counts
from stages.embedding.models.training_text import TrainingText, Vocabulary


class LsaParams(ModelParams):
    """A section of `embedding.train_embedding` for `kind: lsa`."""

    kind: Literal["lsa"]
    matrix: Literal["documents", "cooccurrence"]
    window: int = Field(ge=1)
    context_smoothing: float = Field(gt=0, le=1)
    dimensions: int = Field(ge=1)
    singular_value_power: float = Field(ge=0, le=1)
    iterations: int = Field(ge=1)
    seed: int


def document_matrix(text: TrainingText, n_words: int) -> scipy.sparse.csr_array:
    """Return the TF-IDF of each word in each document, (documents, words).

    A term frequency is 1 + log(count); each row has length 1.
    """
    # Imported here and below because scikit-learn takes a second and other models do not need it.
    from sklearn.feature_extraction.text import TfidfTransformer

    parts = []
    for batch in text.batches():
        row = np.repeat(np.arange(len(batch.lengths), dtype=np.int32), batch.lengths)
        known = batch.ids >= 0
        ones = np.ones(known.sum(), np.float32)
        shape = len(batch.lengths), n_words
        parts.append(scipy.sparse.coo_array((ones, (row[known], batch.ids[known])), shape).tocsr())
    counts = scipy.sparse.vstack(parts, "csr") if parts else scipy.sparse.csr_array((0, n_words))
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts)


def ppmi(counts: scipy.sparse.csr_array, smoothing: float) -> scipy.sparse.csr_array:
    """Return the positive pointwise mutual information of words and contexts, (words, contexts).

    The counts of contexts are smoothed by raising them to a power, because rare contexts have too
    high a mutual information otherwise (Levy et al. 2015, section 3.3).

    Args:
        counts: co-occurrence counts, (words, contexts).
        smoothing: exponent of the counts of contexts.
    """
    rows = counts.sum(axis=1, dtype=np.float64)
    columns = counts.sum(axis=0, dtype=np.float64) ** smoothing
    columns = columns / columns.sum()
    row_indices = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    information = counts.data.astype(np.float64)
    information /= rows[row_indices]
    information /= columns[counts.indices]
    np.log(information, out=information)
    positive = np.maximum(information, 0, out=information).astype(np.float32)
    matrix = scipy.sparse.csr_array((positive, counts.indices, counts.indptr), shape=counts.shape)
    matrix.eliminate_zeros()
    return matrix


def train_lsa(
    text: TrainingText,
    vocabulary: Vocabulary,
    params: LsaParams,
    workers: int,
    checkpoint: Checkpoint,
) -> Model:
    """Train word vectors by truncated SVD (Deerwester et al. 1990; Levy et al. 2015).

    The SVD is computed by the randomized algorithm of Halko et al. 2011.

    Raises:
        StageError: the matrix is too small for `dimensions`.
    """
    from sklearn.decomposition import TruncatedSVD

    n_words = len(vocabulary.words)
    if params.matrix == "documents":
        matrix = document_matrix(text, n_words)
    else:
        counts = cooccurrence(text, n_words, params.window, True, workers)
        matrix = ppmi(counts, params.context_smoothing)
    if min(matrix.shape) <= params.dimensions:
        raise StageError(
            f"{text.path} gives a {params.matrix} matrix of {matrix.shape[0]} x {matrix.shape[1]}, "
            f"too small for {params.dimensions} dimensions: lower dimensions below both, or bring "
            "more text"
        )
    svd = TruncatedSVD(params.dimensions, n_iter=params.iterations, random_state=params.seed).fit(
        matrix
    )
    singular = svd.singular_values_.astype(np.float32)
    axes = svd.components_.T.astype(np.float32)  # (words, dimensions)
    vectors = axes * singular**params.singular_value_power
    tensors = {}
    if params.matrix == "cooccurrence":
        # Their products approximate the mutual information of word and context.
        tensors = {"context": axes, "output": axes * singular, "bias": log_counts(vocabulary)}
    facts = {
        "matrix": params.matrix,
        "filled": matrix.nnz / (matrix.shape[0] * matrix.shape[1]),
        "singular_values": singular.tolist(),
        "explained_variance": float(svd.explained_variance_ratio_.sum()),
    }
    return Model(vocabulary.words, vectors, tensors, facts)
