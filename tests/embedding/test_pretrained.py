import gzip
import hashlib
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import vocabulary
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model

from stages.core.errors import StageError
from stages.core.vectors import to_column
from stages.embedding.contracts import VECTORS as VECTORS_CONTRACT
from stages.embedding.models.model import read_model
from tools import export_vectors

WORDS = ["w1", "w2", "elsewhere", "w3"]
VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def load(train, folder):
    """A function that runs the stage on a file and returns the model."""

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
    expected = FastText(
        documents, vector_size=4, min_count=1, bucket=20, epochs=1, seed=1, workers=1
    )
    save_facebook_model(expected, str(folder / "saved.bin"))
    model = load("saved.bin")
    np.testing.assert_allclose(model.vectors, expected.wv[model.words], rtol=1e-5, atol=1e-7)


def lines_of(*words, start=b""):
    """Lines of a word and three fractions, after `start`, which may be a header."""
    return start + b"".join(
        word + b" " + " ".join(f"{x / 4:.2f}" for x in row).encode() + b"\n"
        for word, row in zip(words, VECTORS, strict=False)
    )


@pytest.mark.parametrize(
    "content",
    [
        lines_of(b"w1", b"w2", b"w3"),
        lines_of(b"w1", b"w2", b"w3", start=b"3 3\n"),
        lines_of(b"w1", b"w2", b"w3", start=b"\xef\xbb\xbf3 3\n"),
        lines_of(b"w1", b"w2", b"w3", start=b"\xef\xbb\xbf"),
        lines_of(b"w1", b"w2", b"w3").replace(b"\n", b"\r\n"),
        lines_of(b"w1", b"w2", b"w3").replace(b"\n", b" \n") + b"\n",  # as word2vec writes it
        lines_of(b"w1", b"w2", b"w3").replace(b" ", b"\t"),
        lines_of(b"w1", b"w2", b"w3")[:-1],
    ],
)
@pytest.mark.parametrize("name", ["a.vec", "a.txt"])
def test_forms_of_text(load, folder, name, content):
    (folder / name).write_bytes(content)
    model = load(name)
    assert sorted(model.words) == ["w1", "w2", "w3"]
    for word, vector in zip(["w1", "w2", "w3"], VECTORS, strict=False):
        np.testing.assert_array_equal(model.vectors[model.words.index(word)], vector / 4)


@pytest.mark.parametrize("header", [b"", b"4 3\n"])
@pytest.mark.parametrize(
    "odd",
    [b". . .", b"at name@example.com", b"windows 10", b"10 000", b"1 1/2", b" ", b"garlic nan"],
)
def test_words_with_spaces_do_not_affect_other_words(load, folder, header, odd):
    (folder / "glove.txt").write_bytes(lines_of(b"w1", odd, b"w2", b"w3", start=header))
    model = load("glove.txt")
    assert sorted(model.words) == ["w1", "w2", "w3"]
    np.testing.assert_array_equal(model.vectors[model.words.index("w2")], VECTORS[2] / 4)
    assert model.facts["words_with_spaces"] == 1
    assert model.facts["words_in_file"] == 4


def test_words_at_which_python_would_split_lines_are_read(load, folder):
    odd = ["1\xa01/2", "a\x85b", "a\u2028b"]
    (folder / "a.txt").write_bytes(lines_of(*(word.encode() for word in odd), b"w1"))
    model = load("a.txt")
    assert model.words == ["w1"]
    np.testing.assert_array_equal(model.vectors, VECTORS[[3]] / 4)
    assert model.facts["words_in_file"] == 4


@pytest.mark.parametrize("name", ["a.txt", "a.bin"])
def test_truncated_and_repeated_words_are_counted(load, folder, name, capsys):
    names = [b"w1", "한".encode()[:2], b"w1", b"w2"]
    if name == "a.txt":
        content = lines_of(*names)
    else:
        rows = [word + b" " + (row / 4).tobytes() for word, row in zip(names, VECTORS, strict=True)]
        content = b"4 3\n" + b"".join(rows)
    (folder / name).write_bytes(content)
    model = load(name)
    np.testing.assert_array_equal(model.vectors[model.words.index("w1")], VECTORS[0] / 4)
    np.testing.assert_array_equal(model.vectors[model.words.index("w2")], VECTORS[3] / 4)
    assert (model.facts["words_not_utf8"], model.facts["repeated_words"]) == (1, 1)
    printed = capsys.readouterr().out
    assert "a vector; of 4 in the file, 1 are not UTF-8" in printed
    assert "1 repeat a word of the corpus" in printed


def binary(*entries, words=None):
    """word2vec's binary format; the vectors of the words are the rows of `VECTORS`."""
    body = b"".join(word + b" " + VECTORS[n].tobytes() for n, word in enumerate(entries))
    return f"{words or len(entries)} 3\n".encode() + body


def test_binary_with_and_without_line_ends(load, folder):
    without = binary(b"w1", b"w2", b"w3")
    (folder / "a.bin").write_bytes(without)
    (folder / "b.bin").write_bytes(without.replace(b"w2", b"\nw2").replace(b"w3", b"\nw3") + b"\n")
    for name in ("a.bin", "b.bin"):
        model = load(name)
        assert sorted(model.words) == ["w1", "w2", "w3"]
        np.testing.assert_array_equal(model.vectors[model.words.index("w3")], VECTORS[2])


@pytest.mark.parametrize("name", ["out.vec", "out.txt", "out.bin"])
def test_exported_vectors_are_read_back(load, folder, train, name, capsys):
    words = ["w1", "가상 도시", "a\xa0b", "w_2", "w 2", ".", "10"]
    vectors = np.random.default_rng(1).normal(size=(len(words), 3)).astype(np.float32)
    pq.write_table(vocabulary(dict.fromkeys(words, 9)), "vocabulary.parquet")
    columns = [
        words,
        [9] * len(words),
        to_column(vectors),
        pa.nulls(len(words), pa.list_(pa.int32())),
    ]
    pq.write_table(pa.table(columns, schema=VECTORS_CONTRACT.schema), "vectors.parquet")
    export_vectors.main(["vectors.parquet", name])
    printed = capsys.readouterr().out
    assert f"{name}: 6 words of 3 dimensions" in printed
    assert "3 with spaces, such as '가상 도시', are written with _ for each space; 1 of" in printed
    assert (folder / name).read_bytes().startswith(b"6 3\n")
    exported = KeyedVectors.load_word2vec_format(name, binary=name == "out.bin")
    assert exported.index_to_key == ["w1", "가상_도시", "a_b", "w_2", ".", "10"]

    model = load(name)
    rows = dict(zip(words, vectors, strict=True)) | {"w 2": vectors[words.index("w_2")]}
    assert sorted(model.words) == sorted(words)
    np.testing.assert_array_equal(model.vectors, [rows[word] for word in model.words])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("few.vec", b"9 3\nw1 1 2 3\n", "few.vec says 9 words in its first line but contains 1"),
        ("many.vec", b"1 1\nw1 1\nw2 1\n", "many.vec says 1 words in .* but contains 2"),
        ("wide.vec", b"1 9\nw1 1 2 3\n", "line 2 has 3 numbers, but the first line says 9"),
        ("short.txt", b"w1 1 2\nw2 1\nw3 1 2\n", "short.txt: line 2 has 1 numbers, but most li"),
        ("long.txt", b"w1 .1 2\nw2 .1 2 .5\nw3 .1 2\n", "line 2 has 3 numbers, but most"),
        ("long.vec", b"2 2\nw1 1 2\nw2 1 2 3\n", "line 3 has 3 numbers, but the first"),
        ("words.vec", b"1 2\nw1 one two\n", "line 2 does not have 2 numbers after 'w1'"),
        ("nan.txt", b"w2 1 2\nw1 nan nan\n", "nan.txt: the vector of 'w1' has a value that"),
        ("inf.vec", b"1 2\nw1 1 inf\n", "inf.vec: the vector of 'w1' has a value that"),
        ("nan.bin", b"1 1\nw1 \0\0\xc0\x7f", "nan.bin: the vector of 'w1' has a value that"),
        ("list.txt", b"w1\nw2\n", "list.txt is not a file of vectors: it has no numbers"),
        ("mark.txt", b"\xef\xbb\xbf", "mark.txt is not a file of vectors: it has no numbers"),
        ("vast.vec", b"1 99999999999999999999\nw1 1\n", "vast.vec: line 2 has 1 numbers"),
        ("vast.bin", b"1 99999999999999999999\nw1 abcd", "vast.bin says 1 words of 9999"),
        ("none.bin", b"4 0\n", "none.bin is not a binary file of vectors"),
        ("empty.txt", b"", "empty.txt is empty"),
        ("cut.bin", binary(b"w1", b"w2")[:-1], "cut.bin says 2 words of 3 dimensions .* ends"),
        ("cut2.bin", b"9 3\nw1 ", "cut2.bin says 9 words of 3 dimensions .* ends in word 1"),
        ("more.bin", binary(b"w1", b"w2", words=1), "more.bin says 1 words .* but contains more"),
        ("space.bin", binary(b"w1", b"a b", b"w2"), "space.bin: word 2 contains a space"),
        ("magic.bin", struct.pack("<3i", 793712315, 12, 8), "magic.bin is not a binary fi"),
        ("old.bin", struct.pack("<12i", *[100, 5, 5, 1, 5, 1, 1, 2, 9, 3, 6, 9]), "before 2017"),
        ("vectors.npy", b"w1 1", "the name of a file of vectors must end in .vec, .txt, .bin"),
        ("a.vec.gz", gzip.compress(b"w1 1 2\n"), "a.vec.gz is compressed by gzip: unpack it"),
        ("a.bin", gzip.compress(b"w1 1 2\n"), "a.bin is compressed by gzip: unpack it"),
        ("wide.txt", "w1 1 2\n".encode("utf-16"), "wide.txt is in UTF-16: save it as UTF-8"),
        ("page.vec", b"<!DOCTYPE html>\n<p>404", "page.vec is a web page: fetch the file itself"),
        ("other.txt", b"somewhere 1 2\nelse 3 4\n", "none of the .* words of the corpus"),
    ],
)  # fmt: skip
def test_broken_files_are_an_error(load, folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(StageError, match=message) as error:
        load(name)
    assert "\n" not in str(error.value)
    assert not (folder / "onehot/vectors.parquet").exists()


@pytest.fixture
def fasttext(folder, documents):
    """The bytes of a model that gensim wrote in fastText's format."""
    model = FastText(documents, vector_size=4, min_count=1, bucket=20, epochs=1, seed=1, workers=1)
    save_facebook_model(model, str(folder / "saved.bin"))
    return (folder / "saved.bin").read_bytes()


def dictionary_end(data):
    (words,) = struct.unpack_from("<i", data, 64)
    offset = 92
    for _ in range(words):
        offset = data.index(b"\0", offset) + 10
    return offset


def test_a_truncated_fasttext_model_is_an_error(load, folder, fasttext):
    # In the header, in a word, in the sizes, in both matrices, and by a single byte.
    end = dictionary_end(fasttext)
    for size in (30, 70, 95, end, end + 9, end + 40, len(fasttext) - 100, len(fasttext) - 1):
        (folder / "cut.bin").write_bytes(fasttext[:size])
        with pytest.raises(StageError, match=r"cut\.bin is cut off: bring the whole file"):
            load("cut.bin")


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (4, struct.pack("<i", 13), "has version 13 of fastText's format; 11 and 12 are supported"),
        (36, struct.pack("<i", 3), "is a classifier .fastText supervised., not word vectors"),
        (72, struct.pack("<i", 2), "is a classifier .fastText supervised., not word vectors"),
        (None, b"\1", "is a quantized model .* from before `fasttext quantize`"),
    ],
)
@pytest.mark.parametrize("name", ["a.bin", "a.ftz"])
def test_fasttext_models_of_other_kinds_are_an_error(
    load, folder, fasttext, name, offset, value, message
):
    offset = dictionary_end(fasttext) if offset is None else offset
    (folder / name).write_bytes(fasttext[:offset] + value + fasttext[offset + len(value) :])
    with pytest.raises(StageError, match=message):
        load(name)


def test_a_file_with_another_hash_is_an_error(load, folder):
    (folder / "a.txt").write_text("w1 1 2\n")
    with pytest.raises(
        StageError, match=r"a\.txt has the SHA-256 [0-9a-f]{64}, not 0{64}: if this"
    ):
        load("a.txt", "0" * 64)
    with pytest.raises(StageError, match=r"b\.txt does not exist: put the file"):
        load("b.txt", "0" * 64)
