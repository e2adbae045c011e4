"""The command-line tools that export vectors and look up words."""

import pyarrow.parquet as pq
import pytest
from gensim.models import KeyedVectors

from stages.core.errors import StageError
from tools import export_vectors, look_up_words


@pytest.mark.parametrize("name", ["out.txt", "out.vec", "out.bin"])
def test_gensim_reads_exported_vectors(train, folder, name):
    train("cbow")
    export_vectors.main(["cbow/vectors.parquet", name])
    read = KeyedVectors.load_word2vec_format(folder / name, binary=name.endswith("bin"))
    rows = pq.read_table("cbow/vectors.parquet").to_pylist()
    assert read.index_to_key == [row["token"] for row in rows]
    assert read[rows[3]["token"]] == pytest.approx(rows[3]["vector"], rel=1e-5)


def test_sparse_vectors_and_other_formats_are_an_error(train):
    train("onehot")
    with pytest.raises(StageError, match="is sparse"):
        export_vectors.main(["onehot/vectors.parquet", "out.txt"])
    with pytest.raises(StageError, match="must end in"):
        export_vectors.main(["onehot/vectors.parquet", "out.csv"])


def test_words_are_looked_up(train, capsys):
    train("fasttext")
    look_up_words.main(["fasttext", "w1", "w1w2"])
    printed = capsys.readouterr().out
    assert "w1w2 (not in the corpus; from its n-grams)" in printed
    train("skipgram")
    with pytest.raises(StageError, match="'w1w2' has no neighbours"):
        look_up_words.main(["skipgram", "w1w2"])
