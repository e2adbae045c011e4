import hashlib

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model

from stages.embedding.model import read_model
from stages.core.errors import StageError

WORDS = ["w1", "w2", "elsewhere", "w3"]
VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def load(train, folder):
    """Run the stage on a file; returns the model."""

    def run(path, sha256=None):
        sha256 = sha256 or hashlib.sha256((folder / path).read_bytes()).hexdigest()
        train("onehot", kind="pretrained", path=str(path), sha256=sha256)
        return read_model(folder / "onehot/vectors.parquet", folder / "onehot/model.safetensors")

    return run


def keyed():
    vectors = KeyedVectors(3)
    vectors.add_vectors(WORDS, VECTORS)
    return vectors


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("word2vec.vec", {}),
        ("word2vec.bin", {"binary": True}),
        ("glove.txt", {"write_header": False}),
    ],
)
def test_formats(load, folder, name, options):
    keyed().save_word2vec_format(folder / name, **options)
    model = load(name)
    assert sorted(model.words) == ["w1", "w2", "w3"]
    rows = [WORDS.index(word) for word in model.words]
    np.testing.assert_array_equal(model.vectors, VECTORS[rows])
    assert model.facts["words_in_file"] == 4


def test_fasttext_binary(load, folder, documents):
    theirs = FastText(documents, vector_size=4, min_count=1, bucket=20, epochs=1, seed=1, workers=1)
    save_facebook_model(theirs, str(folder / "theirs.bin"))
    model = load("theirs.bin")
    np.testing.assert_allclose(model.vectors, theirs.wv[model.words], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("few.vec", "9 3\nw1 1 2 3\n", "few.vec is no file of vectors, or does not hold what its"),
        ("wide.vec", "1 9\nw1 1 2 3\n", "wide.vec is no file of vectors"),
        ("words.vec", "1 2\nw1 one two\n", "words.vec is no file of vectors"),
        ("twice.vec", "2 1\nw1 1\nw1 2\n", "says 2 words in its first line and holds 1"),
        ("empty.txt", "", "empty.txt is no file of vectors"),
        ("cut.bin", "9 3\nw1 ", "cut.bin is no file of vectors"),
        ("vectors.npy", "", "the name of a file of vectors ends in .vec, .txt, .bin"),
        ("other.txt", "somewhere 1 2\nelse 3 4\n", "none of the .* words of the corpus"),
    ],
)
def test_broken_files_are_told(load, folder, name, content, sentence):
    (folder / name).write_text(content)
    with pytest.raises(StageError, match=sentence):
        load(name)
    assert not (folder / "onehot/vectors.parquet").exists()


def test_another_file_than_meant_is_told(load, folder):
    (folder / "a.txt").write_text("w1 1 2\n")
    with pytest.raises(
        StageError, match=r"a\.txt has the SHA-256 [0-9a-f]{64}, not 0{64}: if this"
    ):
        load("a.txt", "0" * 64)
    with pytest.raises(StageError, match=r"b\.txt is not there: put the file"):
        load("b.txt", "0" * 64)
