import numpy as np
import pytest
import scipy.sparse

from stages.core.errors import StageError
from stages.embedding.models.lsa import LsaParams, document_matrix, ppmi, train_lsa

from .conftest import SECTIONS, NoCheckpoint, write_tokens


def test_mutual_information_follows_the_definition():
    counts = np.array([[0, 4, 1], [4, 0, 0], [1, 0, 2]], dtype=np.float32)
    smoothed = counts.sum(axis=0) ** 0.75
    with np.errstate(divide="ignore"):
        expected = np.log(
            counts / counts.sum(axis=1, keepdims=True) / (smoothed / smoothed.sum())
        ).clip(min=0)
    actual = ppmi(scipy.sparse.csr_array(counts), 0.75)
    np.testing.assert_allclose(actual.toarray(), expected, rtol=1e-5)
    assert (actual.data > 0).all()


def test_rows_of_documents_have_length_one(text):
    text, words = text
    matrix = document_matrix(text, len(words.words))
    assert matrix.shape == (190, len(words.words))
    norms = np.sqrt(matrix.multiply(matrix).sum(axis=1))
    np.testing.assert_allclose(norms[norms > 0], 1, rtol=1e-5)


@pytest.mark.parametrize("matrix", ["documents", "cooccurrence"])
def test_axes_equal_those_of_the_full_svd(text, matrix):
    text, words = text
    params = LsaParams(
        **{**SECTIONS["lsa"], "matrix": matrix, "singular_value_power": 1, "iterations": 20}
    )
    model = train_lsa(text, words, params, 1, NoCheckpoint())
    n = len(words.words)
    if matrix == "documents":
        matrix = document_matrix(text, n).toarray()
    else:
        from stages.embedding.models.cooccurrence import cooccurrence

        matrix = ppmi(cooccurrence(text, n, 2, True, 1), 0.75).toarray()
    _, singular, axes = np.linalg.svd(matrix)
    np.testing.assert_allclose(model.facts["singular_values"], singular[:6], rtol=1e-3)
    expected = (axes[:6].T * singular[:6]) @ (axes[:6].T * singular[:6]).T
    np.testing.assert_allclose(model.vectors @ model.vectors.T, expected, atol=0.02)


def test_fewer_words_than_dimensions_are_an_error(text):
    with pytest.raises(StageError, match=r"a cooccurrence matrix of .* lower dimensions"):
        train_lsa(*text, LsaParams(**{**SECTIONS["lsa"], "dimensions": 500}), 1, NoCheckpoint())


def test_fewer_documents_than_dimensions_are_an_error(folder, text):
    write_tokens("tokens.parquet", [["w1", "w2", "w3"] * 9], ["train"])
    params = LsaParams(**{**SECTIONS["lsa"], "matrix": "documents"})
    with pytest.raises(StageError, match="a documents matrix of 1 x"):
        train_lsa(*text, params, 1, NoCheckpoint())
