"""Train one model of word vectors, of the kind that its section of parameters names."""

from collections.abc import Callable
from pathlib import Path

from stages.core.checkpoint import Checkpoint
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import load
from stages.embedding.contracts import VECTORS
from stages.embedding.models.glove import GloveParams, train_glove
from stages.embedding.models.lsa import LsaParams, train_lsa
from stages.embedding.models.model import Model, ModelParams, write_model
from stages.embedding.models.onehot import OneHotParams, train_onehot
from stages.embedding.models.pretrained import PretrainedParams, check_file, load_pretrained
from stages.embedding.models.training_text import TrainingText, Vocabulary, read_vocabulary
from stages.embedding.models.word2vec import FastTextParams, Word2VecParams, train_word2vec

Trainer = Callable[[TrainingText, Vocabulary, ModelParams, Checkpoint], Model]
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
    """The parameters that every model has; `kind` says which others there are."""


def load_section(section: str) -> tuple[ModelParams, Trainer]:
    """Return the parameters of a model as its kind has them, and what trains it.

    Raises:
        StageError: the kind is unknown, or a parameter is not one of that kind.
    """
    kind = load(section, Kind).kind
    if kind not in TRAINERS:
        raise StageError(
            f"params.yaml: {section}.kind is '{kind}'; there are: {', '.join(TRAINERS)}"
        )
    params_of_kind, trainer = TRAINERS[kind]
    return load(section, params_of_kind), trainer


def check(*, params: Kind) -> None:
    """Check the parameters of the model's own kind, and the file that they name."""
    own, _ = load_section(params.section)
    if isinstance(own, PretrainedParams):
        check_file(own)


@command
def main(
    *, params: Kind, tokens: Input, vocabulary: Input, vectors: Table[VECTORS], model: Output
) -> None:
    """Train word vectors on the training split.

    Args:
        model: other parameters of the model, as safetensors
    """
    own, train = load_section(params.section)
    words = read_vocabulary(vocabulary)
    text = TrainingText(tokens, words.words)
    checkpoint = Checkpoint(model, own, [tokens, vocabulary], Path(__file__))
    trained = train(text, words, own, checkpoint)
    counts = dict(zip(words.words, words.counts.tolist(), strict=True))
    write_model(trained, counts, own.kind, vectors, model)
