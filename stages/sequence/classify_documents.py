"""Train a model that reads documents word by word and predicts their labels."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from stages.core.accuracy import scores
from stages.core.checkpoint import Checkpoint
from stages.core.command import Input, command
from stages.core.outputs import Output, Table
from stages.metrics.classify_documents import ClassifyDocumentsMetrics
from stages.sequence.classification.attribution import attribute
from stages.sequence.classification.confusion import confusion_counts
from stages.sequence.classification.documents import read_labelled, why_unscored
from stages.sequence.classification.encoding import Split, encode, read_vectors
from stages.sequence.classification.evaluation import validate
from stages.sequence.classification.model import DocumentModel, log_odds
from stages.sequence.classification.ratios import DocumentCounts, count_documents
from stages.sequence.contracts import ATTRIBUTIONS, CONFUSION
from stages.sequence.recurrent.batching import bucket_by_length, pad
from stages.sequence.recurrent.cells import State, check_cell
from stages.sequence.recurrent.model_files import save_model
from stages.sequence.recurrent.params import TrainingParams
from stages.sequence.recurrent.training import (
    Batch,
    check_memory,
    fit,
    prepare,
    training_costs,
)

WITH, WITHOUT = "with_log_count_ratios", "without_log_count_ratios"
VARIANTS = {"with": [WITH], "without": [WITHOUT], "both": [WITH, WITHOUT]}
# Columns of the curve of a corpus that nothing can be trained on.
CURVE = ["epoch", "learning_rate", "train_loss", "validation_loss", "validation_accuracy"]


class ClassifyDocumentsParams(TrainingParams):
    """The section `sequence.classify_documents`."""

    log_count_ratios: Literal["with", "without", "both"]
    tune_vectors: bool
    max_words: int = Field(ge=2)
    explained_documents: int = Field(ge=0)
    explaining_words: int = Field(ge=1)


def batches(
    split: Split, counts: DocumentCounts | None, params: ClassifyDocumentsParams, epoch: int
) -> Iterator[Batch]:
    """Yield token ids, (time, batch), lengths, classes and, with `counts`, log-count ratios.

    The ratios, (time, batch, classes), are the held-out ones of `DocumentCounts`.
    """
    lengths = [len(words) for words in split.words]
    for indices in bucket_by_length(lengths, params.batch_size, params.seed, epoch):
        words, lengths_in_batch = pad([split.words[index] for index in indices])
        ratios = [] if counts is None else [counts.held_out_ratios(words, indices)]
        yield words, lengths_in_batch, split.classes[indices], *ratios


def loss(model: DocumentModel, batch: Batch, state: State) -> tuple[Tensor, int, State]:
    """Return the mean cross-entropy in nats, and the number of documents."""
    words, lengths, classes, *ratios = batch
    return functional.cross_entropy(model(words, lengths, *ratios), classes), len(classes), None


def train(
    arguments: dict[str, Any],
    vectors: np.ndarray,
    splits: dict[str, Split],
    params: ClassifyDocumentsParams,
    checkpoint: Checkpoint,
) -> tuple[DocumentModel, list[dict[str, float]]]:
    """Train a model built from `arguments`; return it and the rows of its curve."""
    device = prepare(params)
    model = DocumentModel(**arguments)
    longest = max(len(words) for split in splits.values() for words in split.words)
    check_memory(model.recurrent, longest, params.batch_size, device)
    counts = None
    if model.log_count_ratios is not None:
        counts = count_documents(splits["train"], len(model.words), len(model.classes), params.seed)
    model.start_from(vectors, None if counts is None else counts.ratios())
    validation = splits["validation"]
    return fit(
        model.to(device),
        lambda epoch: batches(splits["train"], counts, params, epoch),
        math.ceil(len(splits["train"].words) / params.batch_size),
        loss,
        lambda model: validate(
            log_odds(model, validation.words, params.batch_size), validation.classes
        ),
        params,
        checkpoint,
    )


def check(*, cell: str) -> None:
    """Check that the cell is known."""
    check_cell(cell)


@command
def main(
    *,
    params: ClassifyDocumentsParams,
    cell: str,
    tokens: Input,
    vectors: Input,
    model: Output,
    confusion: Table[CONFUSION],
    attributions: Table[ATTRIBUTIONS],
    curve: Output,
    metrics: Output,
) -> None:
    """Train a model that reads documents word by word and predicts their labels.

    With `log_count_ratios: both` two models are trained. The metrics describe both, and the other
    outputs the one with log-count ratios.

    Args:
        cell: recurrent cell; sequence.cells lists them
        attributions: words that the decisions on some test documents depend on
    """
    documents = read_labelled(tokens)
    sizes = {name: len(split.labels) for name, split in documents.items()}
    unscored = why_unscored(documents)
    if unscored:
        print(f"no model is trained: {unscored}", flush=True)
        save_file({}, model.path, {"arguments": json.dumps(None)})
        confusion.write(confusion.schema.empty_table())
        attributions.write(attributions.schema.empty_table())
        curve.write_csv(pd.DataFrame(columns=CURVE))
        no_result = {WITH: None, WITHOUT: None}
        metrics.write_json(
            ClassifyDocumentsMetrics(documents=sizes, unscored=unscored, **no_result)
        )
        return

    words, word_vectors = read_vectors(vectors)
    classes = sorted(set(documents["train"].labels))
    id_of = {word: i for i, word in enumerate(words) if i}
    splits = {
        name: encode(split, id_of, classes, params.max_words) for name, split in documents.items()
    }
    arguments = {
        "cell": cell,
        "words": words,
        "classes": classes,
        "dimensions": word_vectors.shape[1],
        "tune_vectors": params.tune_vectors,
        **params.stack(),
    }
    trained = {}
    for variant in VARIANTS[params.log_count_ratios]:
        print(f"{variant.replace('_', ' ')}:", flush=True)
        trained[variant] = train(
            {**arguments, "log_count_ratios": variant == WITH},
            word_vectors,
            splits,
            params,
            Checkpoint(model, params, [tokens, vectors], Path(__file__), variant),
        )
    test = documents["test"]
    outputs = {
        variant: log_odds(network, splits["test"].words, params.batch_size)
        for variant, (network, _) in trained.items()
    }
    predictions = {
        variant: [classes[class_] for class_ in of_variant.argmax(1)]
        for variant, of_variant in outputs.items()
    }
    results = {
        variant: {
            **scores(test.labels, predictions[variant]),
            **training_costs(network, network.recurrent, history),
        }
        for variant, (network, history) in trained.items()
    }

    first = next(iter(trained))
    network, history = trained[first]
    save_model(network, {**arguments, "log_count_ratios": first == WITH}, model.path)
    confusion.write(confusion_counts(test.labels, predictions[first]))
    attributions.write(
        attribute(
            network,
            test,
            splits["test"],
            outputs[first],
            params.explained_documents,
            params.explaining_words,
            params.batch_size,
            params.seed,
        )
    )
    curve.write_csv(pd.DataFrame(history))
    metrics.write_json(
        ClassifyDocumentsMetrics(
            documents=sizes,
            labels=len(classes),
            test_documents_of_unseen_label=sum(label not in classes for label in test.labels),
            **{WITH: None, WITHOUT: None, **results},
        )
    )
