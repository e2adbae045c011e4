import numpy as np
import pytest
from gensim.models import FastText, Word2Vec

from stages.embedding.evaluation.space import nearest_neighbours, space_of
from stages.embedding.models.word2vec import (
    FastTextParams,
    Word2VecParams,
    spelled,
    train_word2vec,
    unseen_vector,
)

from .conftest import SECTIONS, NoCheckpoint


def train_with_gensim(name, section, words, documents):
    settings = {
        "sg": int("skipgram" in (section["kind"], section.get("architecture"))),
        "vector_size": 6, "window": 2, "sample": 0.01, "alpha": 0.05, "seed": 5, "workers": 1,
        "min_count": 1, "hs": int(section["softmax"] == "hierarchical"),
        "negative": 0 if section["softmax"] == "hierarchical" else 3,
    }  # fmt: skip
    if name == "fasttext":
        model = FastText(min_n=2, max_n=3, bucket=50, **settings)
    else:
        model = Word2Vec(**settings)
    counts = dict(zip(words.words, words.counts.tolist(), strict=True))
    model.build_vocab_from_freq(counts, corpus_count=len(documents))
    model.train(documents, total_words=sum(map(len, documents)), epochs=3)
    return model


@pytest.mark.parametrize("softmax", ["negative_sampling", "hierarchical"])
@pytest.mark.parametrize("name", ["cbow", "skipgram", "fasttext"])
def test_vectors_equal_those_of_gensim(text, documents, name, softmax):
    text, words = text
    section = {**SECTIONS[name], "softmax": softmax}
    params = (FastTextParams if name == "fasttext" else Word2VecParams)(**section)
    model = train_word2vec(text, words, params, 1, NoCheckpoint())
    expected = train_with_gensim(name, section, words, documents[:190])
    np.testing.assert_array_equal(model.vectors, expected.wv[words.words])
    if name == "fasttext":
        np.testing.assert_array_equal(unseen_vector("unseen", model), expected.wv["unseen"])


def test_only_fasttext_has_vectors_for_unseen_words(text):
    text, words = text
    skipgram = train_word2vec(
        text, words, Word2VecParams(**SECTIONS["skipgram"]), 1, NoCheckpoint()
    )
    assert unseen_vector("w1w2", skipgram) is None
    assert nearest_neighbours(["w1w2"], 3, space_of(skipgram), skipgram).num_rows == 0
    fasttext = train_word2vec(
        text, words, FastTextParams(**SECTIONS["fasttext"]), 1, NoCheckpoint()
    )
    rows = nearest_neighbours(["w1w2", "w1"], 3, space_of(fasttext), fasttext).to_pylist()
    assert [row["seen"] for row in rows] == [False] * 3 + [True] * 3


def test_korean_is_spelled_in_jamo():
    assert len(spelled("영화", jamo=True)) == 5
    assert spelled("영화", jamo=False) == "영화"
    assert spelled("film", jamo=True) == "film"


@pytest.mark.parametrize("jamo", [True, False])
def test_jamo_ngrams_bring_syllables_together(tmp_path, jamo):
    from stages.embedding.models.training_text import TrainingText, Vocabulary

    from .conftest import write_tokens

    write_tokens(tmp_path / "t.parquet", [["화", "좋다"]] * 60, ["train"] * 60)
    words = Vocabulary(["화", "좋다"], np.array([60, 60]))
    # Enough buckets that no two n-grams share one.
    section = {**SECTIONS["fasttext"], "jamo": jamo, "buckets": 100_000, "dimensions": 200}
    model = train_word2vec(
        TrainingText(tmp_path / "t.parquet", words.words),
        words,
        FastTextParams(**section),
        1,
        NoCheckpoint(),
    )
    assert model.words == words.words
    # The words share all letters but the last, so 3 of their 5 and 7 jamo n-grams, but no syllable.
    seen, unseen = unseen_vector("화", model), unseen_vector("확", model)
    cosine = seen @ unseen / np.linalg.norm(seen) / np.linalg.norm(unseen)
    assert (cosine > 0.3) == jamo


def test_a_shortest_ngram_longer_than_the_longest_is_an_error(train):
    from stages.core.errors import StageError

    with pytest.raises(StageError, match="shortest_ngram is greater than longest_ngram"):
        train("fasttext", shortest_ngram=5)
