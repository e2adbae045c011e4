import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from corpora import vocabulary
from gensim.models import Word2Vec

from stages.embedding.train import Word2VecParams, main, train_word2vec
from stages.errors import StageError

SECTION = {
    "kind": "skipgram",
    "dimensions": 6,
    "window": 2,
    "negative_samples": 3,
    "subsampling": 0.01,
    "learning_rate": 0.05,
    "epochs": 3,
    "seed": 5,
}


@pytest.fixture(scope="module")
def sentences():
    draw = np.random.default_rng(1)
    return [[f"w{n}" for n in draw.zipf(1.6, 12) if n < 30] for _ in range(200)]


def counted(sentences):
    words, counts = np.unique([w for s in sentences for w in s], return_counts=True)
    order = np.lexsort((words, -counts))
    return {str(words[i]): int(counts[i]) for i in order}


@pytest.mark.parametrize("kind", ["cbow", "skipgram"])
def test_vectors_are_those_of_a_direct_call(sentences, kind):
    params = Word2VecParams(**{**SECTION, "kind": kind})
    counts = counted(sentences)
    direct = Word2Vec(sg=int(kind == "skipgram"), vector_size=6, window=2, negative=3, sample=0.01,
                      alpha=0.05, seed=5, workers=1, min_count=1)  # fmt: skip
    direct.build_vocab_from_freq(counts, corpus_count=len(sentences))
    direct.train(sentences, total_words=sum(map(len, sentences)), epochs=3)
    vectors = train_word2vec(sentences, counts, params)
    assert vectors.shape == (len(counts), 6)
    np.testing.assert_array_equal(vectors, np.array([direct.wv[word] for word in counts]))


def test_same_seed_same_vectors_other_seed_others(sentences):
    counts = counted(sentences)
    first = train_word2vec(sentences, counts, Word2VecParams(**SECTION))
    again = train_word2vec(sentences, counts, Word2VecParams(**SECTION))
    other = train_word2vec(sentences, counts, Word2VecParams(**{**SECTION, "seed": 6}))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.fixture
def stage(tmp_path, monkeypatch, sentences):
    monkeypatch.chdir(tmp_path)
    splits = ["train"] * 199 + ["test"]
    pq.write_table(pa.table({"split": splits, "tokens": sentences[:200]}), "tokens.parquet")
    counts = counted(sentences[:199])
    pq.write_table(vocabulary(counts), "vocabulary.parquet")

    def run(**changes):
        section = {"embedding": {"models": {"mine": {**SECTION, **changes}}}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(section))
        paths = ["tokens.parquet", "vocabulary.parquet", "vectors.parquet", "validation.json"]
        main([*paths, "--params", "embedding.models.mine"])
        return (tmp_path / "vectors.parquet").read_bytes()

    return run


def test_stage_writes_a_vector_per_word_in_equal_bytes(stage):
    assert stage() == stage()
    table = pq.read_table("vectors.parquet")
    assert (
        table["token"].to_pylist() == pq.read_table("vocabulary.parquet")["token"].to_pylist()[3:]
    )


def test_unknown_kind_is_told(stage):
    with pytest.raises(StageError, match=r"embedding\.models\.mine\.kind is 'glov'; there are: cb"):
        stage(kind="glov")
