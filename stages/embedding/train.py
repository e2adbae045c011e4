"""Train word vectors on the training split: one model of the section `embedding.models`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from pydantic import Field

from stages.embedding.contracts import VECTORS
from stages.errors import StageError
from stages.outputs import Outputs
from stages.params import Params, load
from stages.progress import progress
from stages.vectors import to_column
from stages.vocabulary import read_words

Sentences = list[list[str]]
Counts = dict[str, int]


class Word2VecParams(Params):
    """A section of `embedding.models` for `kind: cbow` or `kind: skipgram`."""

    kind: Literal["cbow", "skipgram"]
    dimensions: int = Field(ge=2)
    window: int = Field(ge=1)
    negative_samples: int = Field(ge=1)
    subsampling: float = Field(ge=0)
    learning_rate: float = Field(gt=0)
    epochs: int = Field(ge=1)
    seed: int


def train_word2vec(sentences: Sentences, counts: Counts, params: Word2VecParams) -> np.ndarray:
    """Return vectors of shape (words, dimensions), in the order of `counts`.

    CBOW and skip-gram with negative sampling as in Mikolov et al. 2013 (arXiv:1301.3781 and
    1310.4546), by gensim with one worker: with more, the order of updates depends on the machine.
    """
    model = Word2Vec(
        sg=int(params.kind == "skipgram"),
        vector_size=params.dimensions,
        window=params.window,
        negative=params.negative_samples,
        sample=params.subsampling,
        alpha=params.learning_rate,
        seed=params.seed,
        workers=1,
        min_count=1,
    )
    model.build_vocab_from_freq(counts, corpus_count=len(sentences))
    epochs = iter(progress(range(params.epochs), f"{params.kind} epochs", params.epochs))
    next(epochs)
    model.train(
        sentences,
        total_words=sum(map(len, sentences)),
        epochs=params.epochs,
        callbacks=[_AfterEpoch(lambda: next(epochs, None))],
    )
    return model.wv[list(counts)]


class _AfterEpoch(CallbackAny2Vec):
    def __init__(self, call: Callable[[], object]):
        self._call = call

    def on_epoch_end(self, model: Word2Vec) -> None:
        self._call()


TRAINERS: dict[str, tuple[type[Params], Callable[[Sentences, Counts, Params], np.ndarray]]] = {
    "cbow": (Word2VecParams, train_word2vec),
    "skipgram": (Word2VecParams, train_word2vec),
}


class Kind(Params, extra="ignore"):
    """The one parameter that every model has: it says how the others are to be read."""

    kind: str


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, train, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    kind = load(args.params, Kind).kind
    if kind not in TRAINERS:
        raise StageError(
            f"params.yaml: {args.params}.kind is '{kind}'; there are: {', '.join(TRAINERS)}"
        )
    model, train = TRAINERS[kind]
    params = load(args.params, model)

    rows = pq.read_table(args.tokens, columns=["tokens"], filters=[("split", "==", "train")])
    vocabulary = read_words(args.vocabulary)
    counts = dict(
        zip(vocabulary["token"].to_pylist(), vocabulary["count"].to_pylist(), strict=True)
    )
    vectors = train(rows["tokens"].to_pylist(), counts, params)
    with Outputs(args.validation) as outputs:
        columns = [list(counts), list(counts.values()), to_column(vectors)]
        outputs.table(args.vectors, VECTORS, pa.table(columns, schema=VECTORS.schema))
