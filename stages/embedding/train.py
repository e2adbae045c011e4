"""Train word vectors on the training split: one model of the section `embedding.models`."""

import argparse
from collections.abc import Callable
from pathlib import Path

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.core.outputs import Outputs
from stages.core.params import load
from stages.embedding.corpus import Text, Vocabulary, read_vocabulary
from stages.embedding.glove import GloveParams, train_glove
from stages.embedding.lsa import LsaParams, train_lsa
from stages.embedding.model import Model, ModelParams, write_model
from stages.embedding.onehot import OneHotParams, train_onehot
from stages.embedding.pretrained import PretrainedParams, load_pretrained
from stages.embedding.word2vec import FastTextParams, Word2VecParams, train_word2vec

Trainer = Callable[[Text, Vocabulary, ModelParams, Checkpoint], Model]
TRAINERS: dict[str, tuple[type[ModelParams], Trainer]] = {
    "onehot": (OneHotParams, train_onehot),
    "lsa": (LsaParams, train_lsa),
    "cbow": (Word2VecParams, train_word2vec),
    "skipgram": (Word2VecParams, train_word2vec),
    "fasttext": (FastTextParams, train_word2vec),
    "glove": (GloveParams, train_glove),
    "pretrained": (PretrainedParams, load_pretrained),
}


class Kind(ModelParams, extra="ignore"):
    """The parameters that every model has; `kind` says how the others are to be read."""


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, train, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("model", type=Path, help="what the model knows beside the vectors")
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    kind = load(args.params, Kind).kind
    if kind not in TRAINERS:
        raise StageError(
            f"params.yaml: {args.params}.kind is '{kind}'; there are: {', '.join(TRAINERS)}"
        )
    of_kind, train = TRAINERS[kind]
    params = load(args.params, of_kind)

    vocabulary = read_vocabulary(args.vocabulary)
    text = Text(args.tokens, vocabulary.words)
    inputs = [args.tokens, args.vocabulary]
    checkpoint = Checkpoint(args.model, params, inputs, Path(__file__).parent)
    model = train(text, vocabulary, params, checkpoint)
    counts = dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))
    with Outputs(args.validation) as outputs:
        write_model(model, counts, kind, outputs, args.vectors, args.model)
    checkpoint.remove()
