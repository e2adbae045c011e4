import numpy as np
import pytest

from stages.embedding.evaluation.prediction import (
    ClozeQuestion,
    Predictor,
    answer_cloze,
    chance_among_first,
    cloze_examples,
    context_of,
    draw_cloze,
    likely_context,
)
from stages.embedding.evaluation.space import space_of
from stages.embedding.models.model import Model
from stages.embedding.models.training_text import TrainingText, Vocabulary
from stages.embedding.models.word2vec import Word2VecParams, train_word2vec

from .conftest import SECTIONS, NoCheckpoint, write_tokens


def model_of(name, text, words, **changes):
    params = Word2VecParams(**{**SECTIONS[name], **changes})
    model = train_word2vec(text, words, params, 1, NoCheckpoint())
    space = space_of(model)
    return model, space, Predictor(model, space)


def test_cloze_questions_are_drawn_from_long_sentences_of_the_split(folder, documents):
    questions = draw_cloze(folder / "tokens.parquet", ["w1", "w2"], "test", 1000, 1)
    sentences = [tuple(document) for document in documents[190:] if len(document) >= 6]
    expected = [(s, gap) for s in sentences for gap, word in enumerate(s) if word in ("w1", "w2")]
    assert [(tuple(q.sentence), q.gap) for q in questions] == expected
    some = draw_cloze(folder / "tokens.parquet", ["w1", "w2"], "test", 5, 1)
    assert len(some) == 5
    assert some != draw_cloze(folder / "tokens.parquet", ["w1", "w2"], "test", 5, 2)
    assert not draw_cloze(folder / "tokens.parquet", ["nothing"], "test", 5, 1)


def test_context_stays_in_the_sentence():
    question = ClozeQuestion(list("abcdef"), 1)
    assert context_of(question, 2) == ["a", "c", "d"]
    assert context_of(ClozeQuestion(["a"], 0), 5) == []


def test_equal_scores_are_guessed_at_random():
    scores = np.array([[1.0, 1, 1, 0], [3, 2, 1, 0]])
    np.testing.assert_allclose(chance_among_first(scores, np.array([1, 1]), 1), [1 / 3, 0])
    np.testing.assert_allclose(chance_among_first(scores, np.array([1, 1]), 2), [2 / 3, 1])
    np.testing.assert_allclose(chance_among_first(scores, np.array([3, 3]), 9), [1, 1])


def test_hierarchical_softmax_gives_probabilities(text):
    text, words = text
    _, _, predictor = model_of("skipgram", text, words, softmax="hierarchical")
    scores = predictor.scores([["w1"], ["w2", "w3"], []])
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("softmax", ["negative_sampling", "hierarchical"])
@pytest.mark.parametrize("kind", ["cbow", "skipgram"])
def test_words_that_always_occur_together_are_guessed(tmp_path, kind, softmax):
    draw = np.random.default_rng(1)
    groups = [["sun", "moon", "star"], ["pea", "bean", "corn"], ["red", "blue", "green"]]
    documents = [draw.permutation(groups[draw.integers(3)] * 3).tolist() for _ in range(600)]
    write_tokens(tmp_path / "t.parquet", documents, ["train"] * 580 + ["test"] * 20)
    words = Vocabulary([w for g in groups for w in g], np.full(9, 600))
    text = TrainingText(tmp_path / "t.parquet", words.words)
    changes = {"softmax": softmax, "epochs": 10, "subsampling": 0, "learning_rate": 0.1}
    _, space, predictor = model_of(kind, text, words, **changes)
    questions = draw_cloze(tmp_path / "t.parquet", words.words, "test", 100, 1)
    hits = answer_cloze(questions, 2, [1, 3], predictor, space)
    assert hits.shape == (100, 2)
    assert hits[:, 1].mean() > 0.95, "one of the group"
    assert hits[:, 0].mean() > 0.2
    shown = cloze_examples(questions, 2, 2, 3, predictor, space, {"sun"}).to_pylist()
    assert len(shown) == 6
    assert all("___" in row["sentence"] and row["answer"] != "sun" for row in shown)
    likely = likely_context(["sun", "absent"], 2, predictor, space, {"corn"}).to_pylist()
    assert {row["neighbour"] for row in likely} == {"moon", "star"}
    assert 0.2 < sum(row["probability"] for row in likely) <= 1


def test_a_model_without_probabilities_guesses_the_nearest_words():
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1]], dtype=np.float32)
    model = Model(["a", "b", "c"], vectors, {}, {})
    space = space_of(model)
    predictor = Predictor(model, space)
    assert predictor.scores([["a"]])[0].argsort().tolist() == [2, 1, 0]
    assert likely_context(["a"], 2, predictor, space, set()).num_rows == 0
    unknown = answer_cloze([ClozeQuestion(["a", "x"], 1)], 2, [1], predictor, space)
    np.testing.assert_array_equal(unknown, [[0]])
