import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer

from stages.clustering import embed_documents
from stages.clustering.contracts import POINTS
from stages.clustering.embed_documents import average_documents, to_dense, weigh
from stages.clustering.points import Points, read
from stages.core.errors import StageError
from stages.core.vectors import to_column

DOCUMENTS = [["a", "b", "b"], ["a", "c"], ["a", "d"], ["unknown"]]
TRAINING = np.array([True, True, False, False])


def run(vectors: pa.Table, **changes) -> dict:
    """Run the stage on four documents and return its metrics."""
    section = {"words": 5, "skip_words": 1, "idf_power": 2, "sparse_dimensions": 2, "seed": 1}
    params = {"clustering": {"embed_documents": {**section, **changes}}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    tokens = {
        "doc_id": ["1", "2", "3", "4"],
        "split": ["train", "train", "test", "test"],
        "tokens": DOCUMENTS,
        "label": ["x", None, "y", "y"],
    }
    pq.write_table(pa.table(tokens), "tokens.parquet")
    pq.write_table(vectors, "vectors.parquet")
    embed_documents.main(
        params="clustering.embed_documents",
        tokens="tokens.parquet",
        vectors="vectors.parquet",
        words="words.parquet",
        documents="documents.parquet",
        metrics="metrics.json",
        validation="validation.json",
    )
    return json.loads(Path("metrics.json").read_text())


def dense(vectors: np.ndarray) -> pa.Table:
    return pa.table({"token": list("abcd"), "vector": to_column(vectors)})


def sparse() -> pa.Table:
    columns = [list("abcd"), [[1.0]] * 4, pa.array([[0], [1], [2], [3]], pa.list_(pa.int32()))]
    return pa.table(columns, ["token", "vector", "indices"])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_weights_with_power_1_are_tf_idf():
    reference = TfidfVectorizer(analyzer=list, sublinear_tf=True, vocabulary=list("abcd"))
    expected = reference.fit(DOCUMENTS[:2]).transform(DOCUMENTS)
    weights = weigh(DOCUMENTS, list("abcd"), TRAINING, 1)
    np.testing.assert_allclose(weights.toarray(), expected.toarray())


def test_weights_with_power_0_do_not_depend_on_the_documents():
    weights = weigh(DOCUMENTS, list("abcd"), TRAINING, 0).toarray()
    np.testing.assert_allclose(weights[1], [0.5**0.5, 0, 0.5**0.5, 0])


def test_a_document_is_the_average_without_what_training_documents_share():
    weights = csr_array([[1.0, 0], [0, 1.0], [1.0, 1.0], [0, 0]])
    averages = average_documents(weights, np.array([[2.0, 0], [0, 3.0]]), TRAINING)
    # The training documents are (1, 0) and (0, 1), and their mean is (0.5, 0.5).
    half = 0.5**0.5
    third = np.array([2 / 13**0.5, 3 / 13**0.5]) - 0.5
    expected = [[half, -half], [-half, half], third / np.linalg.norm(third), [0, 0]]
    np.testing.assert_allclose(averages, expected)


def test_one_hot_vectors_become_the_decomposition_of_tf_idf():
    weights = weigh(DOCUMENTS, list("abcd"), TRAINING, 1)
    vectors = to_dense(csr_array(np.eye(4)), weights, TRAINING, 1, 1)
    _, _, axes = np.linalg.svd(weights[TRAINING].toarray())
    np.testing.assert_allclose(np.abs(vectors[:, 0]), np.abs(axes[0]), atol=1e-9)


def test_points_have_labels_splits_and_length_1():
    metrics = run(dense(np.random.default_rng(1).normal(size=(4, 3))))
    assert metrics == {
        "words": 3,
        "documents": 3,
        "dimensions": 3,
        "sparse_dimensions": None,
        "dropped": {"documents_without_vector": 1, "words_without_vector": 0},
    }
    documents, words = read(Path("documents.parquet")), read(Path("words.parquet"))
    assert documents[:3] == (["1", "2", "3"], ["x", None, "y"], ["train", "train", "test"])
    assert words.names == ["b", "c", "d"]
    np.testing.assert_allclose(np.linalg.norm(documents.vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(words.vectors, axis=1), 1, rtol=1e-6)


def test_sparse_vectors_are_projected():
    metrics = run(sparse(), sparse_dimensions=50)
    assert (metrics["dimensions"], metrics["sparse_dimensions"]) == (2, 4)
    # `d` occurs in no training document, so nothing is known of it.
    assert metrics["dropped"] == {"documents_without_vector": 1, "words_without_vector": 1}


def test_skipping_the_whole_vocabulary_is_an_error():
    with pytest.raises(StageError, match="has 4 words, and fewer than 2 are left after skipping 3"):
        run(dense(np.eye(4)), skip_words=3)


def test_vectors_that_are_not_numbers_are_an_error():
    vectors = np.eye(4)
    vectors[2, 1] = np.nan
    with pytest.raises(StageError, match=r"vectors.parquet has NaN or infinity in its vectors"):
        run(dense(vectors))


def test_equal_vectors_leave_no_document():
    with pytest.raises(
        StageError,
        match=r"all documents of tokens.parquet are equal by the vectors of vectors.parquet",
    ):
        run(dense(np.ones((4, 2))))


def test_words_that_no_training_document_has_are_an_error():
    vectors = pa.table({"token": ["d", "e", "f"], "vector": to_column(np.eye(3))})
    with pytest.raises(StageError, match=r"no training document of tokens.parquet has a word"):
        run(vectors)


def test_points_table_round_trip():
    points = Points(["a", "b"], ["x", None], ["train", None], np.eye(2, dtype=np.float32))
    pq.write_table(points.to_table(), "points.parquet")
    found = read(Path("points.parquet"))
    assert found[:3] == points[:3]
    np.testing.assert_array_equal(found.vectors, points.vectors)
    assert pq.read_schema("points.parquet").names == POINTS.schema.names
