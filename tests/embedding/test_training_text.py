import numpy as np
import pyarrow.parquet as pq
import pytest
from corpora import vocabulary

from stages.core.errors import StageError
from stages.embedding.models.training_text import LONGEST_PIECE, TrainingText, read_vocabulary

from .conftest import write_tokens


def test_only_the_split_is_read_and_unknown_words_are_replaced(tmp_path):
    write_tokens(
        tmp_path / "t.parquet", [["a", "b"], ["c", "a"], ["b"]], ["train", "test", "train"]
    )
    text = TrainingText(tmp_path / "t.parquet", ["b", "x"])
    assert list(text) == [["<unk>", "b"], ["b"]]
    assert list(text) == [["<unk>", "b"], ["b"]], "a second pass reads the same"
    (batch,) = text.batches()
    assert batch.ids.tolist() == [-1, 0, 0]
    assert batch.lengths.tolist() == [2, 1]
    assert text.size() == (2, 3)
    assert list(TrainingText(tmp_path / "t.parquet", ["c"], "test")) == [["c", "<unk>"]]


def test_long_documents_are_split_without_loss(tmp_path):
    long = [str(n % 7) for n in range(LONGEST_PIECE * 2 + 5)]
    write_tokens(tmp_path / "t.parquet", [["a"], long, ["b"]], ["train"] * 3)
    pieces = list(TrainingText(tmp_path / "t.parquet", [*"0123456ab"]))
    assert [len(piece) for piece in pieces] == [1, LONGEST_PIECE, LONGEST_PIECE, 5, 1]
    assert np.concatenate(pieces[1:4]).tolist() == long


def test_a_vocabulary_of_one_word_is_an_error(tmp_path):
    pq.write_table(vocabulary({"alone": 3}), tmp_path / "vocabulary.parquet")
    with pytest.raises(StageError, match=r"vocabulary\.parquet has 1 word: .* at least two"):
        read_vocabulary(tmp_path / "vocabulary.parquet")
