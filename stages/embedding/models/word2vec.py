"""CBOW, skip-gram and FastText, trained by gensim."""

import unicodedata
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from gensim.models import FastText, Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from gensim.models.fasttext import ft_ngram_hashes
from pydantic import Field, model_validator

from stages.core.checkpoint import Checkpoint
from stages.core.progress import progress
from stages.embedding.models.model import Model, ModelParams, log_counts
from stages.embedding.models.training_text import TrainingText, Vocabulary

# Noise words are drawn in proportion to their count to this power (Mikolov et al. 2013b, 2.2).
NOISE_POWER = 0.75


class Word2VecParams(ModelParams):
    """A section of `embedding.train_embedding` for `kind: cbow` or `kind: skipgram`."""

    kind: Literal["cbow", "skipgram"]
    dimensions: int = Field(ge=2)
    window: int = Field(ge=1)
    softmax: Literal["negative_sampling", "hierarchical"]
    negative_samples: int = Field(ge=1)
    subsampling: float = Field(ge=0)
    learning_rate: float = Field(gt=0)
    epochs: int = Field(ge=1)
    workers: int = Field(ge=1)
    seed: int


class FastTextParams(Word2VecParams):
    """A section of `embedding.train_embedding` for `kind: fasttext`."""

    kind: Literal["fasttext"]
    architecture: Literal["cbow", "skipgram"]
    shortest_ngram: int = Field(ge=1)
    longest_ngram: int = Field(ge=1)
    buckets: int = Field(ge=1)
    jamo: bool

    @model_validator(mode="after")
    def _check_ngram_lengths(self) -> "FastTextParams":
        if self.shortest_ngram > self.longest_ngram:
            raise ValueError("shortest_ngram is greater than longest_ngram")
        return self


def spelled(word: str, jamo: bool) -> str:
    """Return the spelling of a word from which its n-grams are taken.

    With `jamo`, Hangul syllables are decomposed into their letters (Park et al. 2018), by Unicode's
    normal form NFD.
    """
    return unicodedata.normalize("NFD", word) if jamo else word


class _RespelledText:
    """The text with its words respelled, empty in the passes of epochs that a checkpoint covers."""

    def __init__(self, text: TrainingText, spelling: dict[str, str] | None, done: int):
        self._text, self._spelling, self._empty_passes = text, spelling, done

    def __iter__(self) -> Iterator[list[str]]:
        if self._empty_passes:
            self._empty_passes -= 1
            return
        if self._spelling is None:
            yield from self._text
            return
        spelling = self._spelling
        for piece in self._text:
            yield [spelling.get(word, word) for word in piece]


class _EpochSaver(CallbackAny2Vec):
    """Shows progress and saves a checkpoint after each epoch."""

    def __init__(self, model: Word2Vec, checkpoint: Checkpoint, done: int, kind: str):
        self._checkpoint, self._done, self._epoch = checkpoint, done, 0
        epochs = range(done, model.epochs)
        self._progress = iter(progress(epochs, f"{kind} epochs", len(epochs)))
        next(self._progress, None)

    def on_epoch_end(self, model: Word2Vec) -> None:
        self._epoch += 1
        if self._epoch > self._done:
            state = model.random.get_state()
            arrays = {**_weights(model), "random_state": state[1]}
            self._checkpoint.save_arrays(arrays, {"epochs": self._epoch, "random": state[2:]})
            next(self._progress, None)


def _weights(model: Word2Vec) -> dict[str, np.ndarray]:
    """Return the arrays that training changes, not copies of them."""
    weights = {"syn1" if model.hs else "syn1neg": model.syn1 if model.hs else model.syn1neg}
    if isinstance(model, FastText):
        return {
            **weights,
            "vectors_vocab": model.wv.vectors_vocab,
            "vectors_ngrams": model.wv.vectors_ngrams,
        }
    return {**weights, "vectors": model.wv.vectors}


def _restore(model: Word2Vec, checkpoint: Checkpoint) -> int:
    """Load a checkpoint, if one exists, and return the number of epochs that are done."""
    saved = checkpoint.restore_arrays()
    if saved is None:
        return 0
    arrays, state = saved
    for name, weights in _weights(model).items():
        weights[:] = arrays[name]
    model.random.set_state(("MT19937", arrays["random_state"], *state["random"]))
    return state["epochs"]


def train_word2vec(
    text: TrainingText,
    vocabulary: Vocabulary,
    params: Word2VecParams | FastTextParams,
    workers: int,
    checkpoint: Checkpoint,
) -> Model:
    """Train CBOW or skip-gram (Mikolov et al. 2013a, b) or FastText (Bojanowski et al. 2017).

    With one worker the vectors equal those of gensim for the same settings, to the bit, even if
    training was interrupted. With more, the order of updates depends on the machine.

    Args:
        workers: at least `params.workers`, which is used.
    """
    is_fasttext = isinstance(params, FastTextParams)
    architecture = params.architecture if is_fasttext else params.kind
    hierarchical = params.softmax == "hierarchical"
    settings: dict[str, Any] = {
        "sg": int(architecture == "skipgram"),
        "vector_size": params.dimensions,
        "window": params.window,
        "hs": int(hierarchical),
        "negative": 0 if hierarchical else params.negative_samples,
        "ns_exponent": NOISE_POWER,
        "sample": params.subsampling,
        "alpha": params.learning_rate,
        "epochs": params.epochs,
        "seed": params.seed,
        "workers": params.workers,
        "min_count": 1,
    }
    spelling = None
    if is_fasttext:
        settings |= {
            "min_n": params.shortest_ngram,
            "max_n": params.longest_ngram,
            "bucket": params.buckets,
        }
        if params.jamo:
            spelling = {word: spelled(word, jamo=True) for word in vocabulary.words}
    model = FastText(**settings) if is_fasttext else Word2Vec(**settings)
    names = list(spelling.values()) if spelling else vocabulary.words
    documents, tokens = text.size()
    counts = dict(zip(names, vocabulary.counts.tolist(), strict=True))
    model.build_vocab_from_freq(counts, corpus_count=documents)
    done = _restore(model, checkpoint)
    model.train(
        _RespelledText(text, spelling, done),
        total_words=tokens,
        epochs=params.epochs,
        callbacks=[_EpochSaver(model, checkpoint, done, params.kind)],
    )
    order = [model.wv.key_to_index[name] for name in names]
    vectors = model.wv.vectors[order]
    facts: dict[str, Any] = {"tokens_per_epoch": tokens}
    if hierarchical:
        tensors = _huffman_tree(model, order)
    else:
        # A dot product approximates, up to a constant, the logarithm of the word's probability
        # in the context over its probability as noise (Levy and Goldberg 2014).
        tensors = {"output": model.syn1neg[order], "bias": log_counts(vocabulary, NOISE_POWER)}
    if is_fasttext:
        tensors["ngrams"] = model.wv.vectors_ngrams
        facts["subwords"] = params.model_dump(
            include={"shortest_ngram", "longest_ngram", "buckets", "jamo"}
        )
    return Model(vocabulary.words, vectors, tensors, facts)


def _huffman_tree(model: Word2Vec, order: list[int]) -> dict[str, np.ndarray]:
    """Return the tree of the hierarchical softmax: node vectors and the path to each word."""
    codes = [model.wv.get_vecattr(i, "code") for i in order]
    points = [model.wv.get_vecattr(i, "point") for i in order]
    return {
        "nodes": model.syn1[: max(len(order) - 1, 1)],
        "path_ends": np.cumsum([len(code) for code in codes]).astype(np.int64),
        "path_nodes": np.concatenate(points).astype(np.int32),
        "path_codes": np.concatenate(codes).astype(np.uint8),
    }


def unseen_vector(word: str, model: Model) -> np.ndarray | None:
    """Return the vector of a word outside the vocabulary, (dimensions,).

    It is the mean of the vectors of the word's n-grams; None if the model or the word has none.
    """
    if "ngrams" not in model.tensors:
        return None
    subwords = model.facts["subwords"]
    buckets = ft_ngram_hashes(
        spelled(word, subwords["jamo"]),
        subwords["shortest_ngram"],
        subwords["longest_ngram"],
        subwords["buckets"],
    )
    return model.tensors["ngrams"][buckets].mean(axis=0) if buckets else None
