"""Train one model of word vectors; the kind of the model is a parameter."""

from collections.abc import Callable
from pathlib import Path

from stages.core.checkpoint import Checkpoint
from stages.core.command import Input, Workers, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Kind, load_kind
from stages.embedding.contracts import VECTORS
from stages.embedding.models.glove import GloveParams, train_glove
from stages.embedding.models.lsa import LsaParams, train_lsa
from stages.embedding.models.model import Model, ModelParams, write_model
from stages.embedding.models.onehot import OneHotParams, train_onehot
from stages.embedding.models.pretrained import PretrainedParams, check_file, load_pretrained
from stages.embedding.models.training_text import TrainingText, Vocabulary, read_vocabulary
from stages.embedding.models.word2vec import FastTextParams, Word2VecParams, train_word2vec

Trainer = Callable[[TrainingText, Vocabulary, ModelParams, int, Checkpoint], Model]
TRAINERS: dict[str, tuple[type[ModelParams], Trainer]] = {
    "onehot": (OneHotParams, train_onehot),
    "lsa": (LsaParams, train_lsa),
    "cbow": (Word2VecParams, train_word2vec),
    "skipgram": (Word2VecParams, train_word2vec),
    "fasttext": (FastTextParams, train_word2vec),
    "glove": (GloveParams, train_glove),
    "pretrained": (PretrainedParams, load_pretrained),
}


def load_section(section: str) -> tuple[ModelParams, Trainer]:
    """Return the parameters of a model, checked for its kind, and its trainer."""
    params = load_kind(section, {kind: model for kind, (model, _) in TRAINERS.items()})
    return params, TRAINERS[params.kind][1]


def check(*, params: Kind, workers: int) -> None:
    """Check the parameters for the kind of model, and the file that they name."""
    model_params, _ = load_section(params.section)
    if isinstance(model_params, Word2VecParams) and model_params.workers > workers:
        raise StageError(
            f"params.yaml: {params.section}.workers is {model_params.workers}, but "
            f"conf/execution.yaml gives train_embedding {workers}: raise it there"
        )
    if isinstance(model_params, PretrainedParams):
        check_file(model_params)


@command
def main(
    *,
    params: Kind,
    workers: Workers,
    tokens: Input,
    vocabulary: Input,
    vectors: Table[VECTORS],
    model: Output,
) -> None:
    """Train word vectors on the training split.

    Args:
        model: other parameters of the model, as safetensors
    """
    check(params=params, workers=workers)
    model_params, train = load_section(params.section)
    words = read_vocabulary(vocabulary)
    text = TrainingText(tokens, words.words)
    checkpoint = Checkpoint(model, model_params, [tokens, vocabulary], Path(__file__))
    trained = train(text, words, model_params, workers, checkpoint)
    counts = dict(zip(words.words, words.counts.tolist(), strict=True))
    write_model(trained, counts, model_params.kind, vectors, model)
