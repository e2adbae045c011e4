import pytest

from stages.core.errors import StageError
from stages.embedding.evaluation.evaluation_sets import analogy_sets, similarity_sets


@pytest.mark.parametrize(("name", "n"), [("WordSim-353", 351), ("SimLex-999", 999)])
def test_sets_are_complete(tmp_path, name, n):
    # WordSim-353 repeats one pair and pairs one word with itself.
    pairs = similarity_sets(tmp_path, {"love"})[name]
    assert len(pairs) == n
    assert pairs["score"].between(0, 10).all()
    assert set(similarity_sets(tmp_path, set())) == {"WordSim-353", "SimLex-999"}


def test_analogies_have_fourteen_sections(tmp_path):
    questions = analogy_sets(tmp_path, set())["analogies"]
    assert questions["section"].nunique() == 14
    assert len(questions) > 19_000
    assert questions["a"].str.islower().all()


def test_words_are_spelled_as_in_the_corpus(tmp_path):
    cased = analogy_sets(tmp_path, {"Athens"})["analogies"]
    assert cased.iloc[0][["a", "b"]].tolist() == ["Athens", "greece"]


def test_the_users_sets_are_named_after_their_files(tmp_path):
    (tmp_path / "mine.csv").write_text("word_a,word_b,score\n한국,서울,9\n영화,사과,0.5\n")
    (tmp_path / "ours.csv").write_text("\ufeffa,b,c,d\n한국,서울,일본,도쿄\n")
    (tmp_path / "README.md").write_text("not a set")
    assert similarity_sets(tmp_path, set())["mine"]["score"].tolist() == [9, 0.5]
    assert analogy_sets(tmp_path, set())["ours"]["section"].tolist() == ["ours"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"one,two\na,b\n", "bad.csv has the columns one, two: name them word_a, word_b, score"),
        (b"word_a,word_b,score\na,b,many\n", "the score 'many' in line 2 is not a number"),
        (b"word_a,word_b,score\na,b,1\na,,1\n", "bad.csv: line 3 has an empty cell"),
        (b"word_a,word_b,score\na,b,1,2,3\n", "line 2 has an empty cell or more cells than"),
        (b"word_a,word_b,score\na,b,1\nb\n", "line 3 has an empty cell"),
        (b'word_a,word_b,score\na,b,"1', "bad.csv is not a CSV file"),
        (b"", r"bad.csv has the columns \(none\)"),
        (b"word_a,word_b,score\n\xff\xfe,b,1\n", "bad.csv is not a CSV file in UTF-8"),
    ],
)
def test_broken_sets_are_reported(tmp_path, content, message):
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(StageError, match=message):
        similarity_sets(tmp_path, set())


def test_the_korean_set_is_read():
    from tiny import ROOT

    korean = analogy_sets(ROOT / "conf/evaluation", set())["korean_analogies"]
    assert len(korean) > 30
