"""Train a model that reads documents word by word and says which label each has."""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from stages.core.checkpoint import Checkpoint
from stages.core.outputs import Outputs
from stages.core.params import load
from stages.core.vectors import to_array
from stages.sequence.cells import CELLS, Recurrent, State
from stages.sequence.classification import confusion, scores
from stages.sequence.contracts import CONFUSION, MOVED_WORDS
from stages.sequence.documents import Documents, numbered, read_labelled, why_unscored
from stages.sequence.padding import inside, pad, similar_lengths
from stages.sequence.training import (
    Batch,
    TrainingParams,
    check_memory,
    count,
    fit,
    prepare,
    save_model,
)

UNSEEN_LABEL = -1
# The evidence of a training document's words is counted on all parts but the one it is in.
PARTS = 10
# Words of a document that the table of moved decisions quotes.
QUOTED_WORDS = 40
# What a curve begins with, where there is nothing to train.
CURVE = ["epoch", "learning_rate", "train_loss", "validation_loss", "validation_accuracy"]


class ClassifyDocumentsParams(TrainingParams):
    """The section `sequence.classify_documents`."""

    tune_vectors: bool
    max_words: int = Field(ge=2)
    explained_documents: int = Field(ge=0)
    explaining_words: int = Field(ge=1)


class Split(NamedTuple):
    """Documents as word numbers, each of shape (words,), and their classes as numbers."""

    words: list[Tensor]
    classes: Tensor


class Occurrences(NamedTuple):
    """In how many training documents of each class words occur, apart for each of some parts.

    Attributes:
        part: that each document is in, of shape (documents,).
        of_words: documents with each word, of shape (parts, words, classes).
        documents: of each class, of shape (parts, classes).
    """

    part: Tensor
    of_words: Tensor
    documents: Tensor


def count_occurrences(split: Split, n_words: int, n_classes: int, seed: int) -> Occurrences:
    """Count in how many documents of each class each word occurs, in parts drawn at random."""
    part = torch.from_numpy(np.random.default_rng(seed).permutation(len(split.words)) % PARTS)
    of_words = torch.zeros(PARTS, n_words, n_classes)
    documents = torch.zeros(PARTS, n_classes)
    for own, words, class_ in zip(part.tolist(), split.words, split.classes.tolist(), strict=True):
        of_words[own, words.unique(), class_] += 1
        documents[own, class_] += 1
    return Occurrences(part, of_words, documents)


def evidence(of_words: Tensor, documents: Tensor) -> Tensor:
    """Return how far a word speaks for each class: the log-count ratio of naive Bayes.

    The logarithm of the share of a class's documents that have the word over the share of all
    other documents that do (Wang and Manning 2012, section 2.1, one class against the rest), each
    smoothed by one document that has every word, spread over the classes by their size. It is 0
    for a class that has no documents or all of them, and for a word that says nothing.

    Args:
        of_words: documents that have the word, of shape (..., classes).
        documents: of each class, broadcast to the same shape.
    """
    total = documents.sum(-1, keepdim=True)
    share = documents / total
    within = (of_words + share) / (documents + share)
    others = of_words.sum(-1, keepdim=True) - of_words
    without = (others + 1 - share) / (total - documents + 1 - share)
    told_apart = (documents > 0) & (documents < total)
    return torch.where(told_apart, (within / without).log(), 0.0)


class DocumentModel(nn.Module):
    """Word vectors and evidence, stacked cells, attention, and a log-odds for each class.

    A document is the mean of the hidden states behind its words, weighted by an attention that is
    learned (Yang et al. 2016, equations 5 to 7, with the score linear in the hidden state), and
    beside it that of the words' vectors and evidence, weighted alike.

    Args:
        cell: a name of `CELLS`.
        words: that have vectors; a word's number is its place, and 0 stands for all others.
        classes: the labels, in the order of the outputs.
        dimensions: of the word vectors.
        tune_vectors: whether the vectors are trained on.
        hidden_size: of each layer.
        layers: how many.
        dropout: shares before, between and after the layers.
    """

    def __init__(
        self,
        cell: str,
        words: list[str],
        classes: list[str],
        dimensions: int,
        tune_vectors: bool,
        hidden_size: int,
        layers: int,
        dropout: tuple[float, float, float],
    ):
        super().__init__()
        vectors = torch.zeros(len(words), dimensions)
        if tune_vectors:
            self.vectors = nn.Parameter(vectors)
        else:
            self.register_buffer("vectors", vectors)
        self.register_buffer("evidence", torch.zeros(len(words), len(classes)))
        width = dimensions + len(classes)
        self.recurrent = Recurrent(cell, width, hidden_size, layers, dropout)
        self.attention = nn.Linear(hidden_size, 1)
        self.output = nn.Linear(hidden_size + width, len(classes))

    def start_from(self, vectors: np.ndarray, occurrences: Occurrences) -> None:
        """Copy word vectors, of shape (words, dimensions), scaled to a variance of 1; and counts.

        The first row, for words without a vector, begins at zero; its evidence stays there.
        """
        with torch.no_grad():
            self.vectors.copy_(torch.from_numpy(vectors / max(vectors[1:].std(), 1e-12)))
            of_words, documents = occurrences.of_words.sum(0), occurrences.documents.sum(0)
            self.evidence[1:] = evidence(of_words[1:], documents)

    def forward(self, words: Tensor, lengths: Tensor, own_evidence: Tensor | None = None) -> Tensor:
        """Return log-odds of shape (batch, classes).

        Args:
            words: numbers, of shape (time, batch).
            lengths: words of each document, of shape (batch,).
            own_evidence: of each word, of shape (time, batch, classes), in place of the model's.
        """
        if own_evidence is None:
            own_evidence = functional.embedding(words, self.evidence)
        features = torch.cat([functional.embedding(words, self.vectors), own_evidence], 2)
        hidden, _ = self.recurrent(features)  # (time, batch, hidden)
        padding = ~inside(len(words), lengths).unsqueeze(2)
        weights = self.attention(hidden).masked_fill(padding, -math.inf).softmax(0)
        return self.output((weights * torch.cat([hidden, features], 2)).sum(0))


def to_split(
    documents: Documents, number: dict[str, int], classes: list[str], max_words: int
) -> Split:
    """Return documents as numbers; a label that training has not is UNSEEN_LABEL."""
    place = {label: i for i, label in enumerate(classes)}
    return Split(
        [torch.from_numpy(numbered(d, number, max_words)) for d in documents.tokens],
        torch.tensor([place.get(label, UNSEEN_LABEL) for label in documents.labels]),
    )


def batches(
    split: Split, occurrences: Occurrences, params: ClassifyDocumentsParams, epoch: int
) -> Iterator[Batch]:
    """Yield words (time, batch), lengths, classes, and evidence (time, batch, classes).

    The evidence of a document's words is counted without the part of the documents that it is in:
    a document's label must not speak for itself, or the model would trust rare words too much.
    (Without the document alone would tell the label again: by the class whose count is one less.)
    """
    of_words, documents = occurrences.of_words.sum(0), occurrences.documents.sum(0)
    lengths = [len(words) for words in split.words]
    for places in similar_lengths(lengths, params.batch_size, params.seed, epoch):
        words, own_lengths = pad([split.words[place] for place in places])
        part = occurrences.part[places]
        others = evidence(
            of_words[words] - occurrences.of_words[part, words],
            documents - occurrences.documents[part],
        )
        others[words == 0] = 0
        yield words, own_lengths, split.classes[places], others


def loss(model: DocumentModel, batch: Batch, state: State) -> tuple[Tensor, int, State]:
    """Return the mean cross-entropy in nats, and the number of documents."""
    words, lengths, classes, others = batch
    outputs = model(words, lengths, others)
    return functional.cross_entropy(outputs, classes), len(classes), None


@torch.no_grad()
def log_odds(model: DocumentModel, documents: list[Tensor], batch_size: int) -> Tensor:
    """Return the log-odds of each class for documents of word numbers: (documents, classes)."""
    model.eval()
    device = next(model.parameters()).device
    # Of similar lengths together, and then back to their places.
    order = sorted(range(len(documents)), key=lambda place: len(documents[place]))
    parts = []
    for start in range(0, len(order), batch_size):
        batch = pad([documents[place] for place in order[start : start + batch_size]])
        parts.append(model(*(part.to(device) for part in batch)).cpu())
    ordered = torch.cat(parts)
    return ordered[torch.tensor(order).argsort()]


def validate(model: DocumentModel, split: Split, batch_size: int) -> dict[str, float]:
    """Return the mean cross-entropy in nats of documents whose label is known, and the accuracy."""
    outputs = log_odds(model, split.words, batch_size)
    known = split.classes != UNSEEN_LABEL
    nats = functional.cross_entropy(outputs[known], split.classes[known])
    return {
        "loss": nats.item() if known.any() else math.log(outputs.shape[1]),
        "accuracy": (outputs.argmax(1) == split.classes).double().mean().item(),
    }


def moved_words(
    model: DocumentModel,
    documents: Documents,
    split: Split,
    words: list[str],
    classes: list[str],
    params: ClassifyDocumentsParams,
) -> pa.Table:
    """Return the words without which a decision would be less sure: the table `moved_words`.

    Documents are drawn, half of them from those that the model took for something else. A word's
    change is what the log-odds of the label, log p / (1 - p), loses once it is taken out wherever
    it stands.
    """
    outputs = log_odds(model, split.words, params.batch_size)
    right = (outputs.argmax(1) == split.classes).numpy()
    order = np.random.default_rng(params.seed).permutation(len(right))
    half = params.explained_documents // 2
    wrong = order[~right[order]][:half]
    chosen = [*order[right[order]][: params.explained_documents - len(wrong)], *wrong]
    rows = []
    for place in chosen:
        whole = split.words[place]
        class_ = int(outputs[place].argmax())
        # Words without a vector are not told apart, and a document needs a word to be read.
        candidates = [number for number in whole.unique().tolist() if number]
        less = [whole[whole != number] for number in candidates]
        candidates = [n for n, rest in zip(candidates, less, strict=True) if len(rest)]
        less = [rest for rest in less if len(rest)]
        before = outputs[place : place + 1]
        after = log_odds(model, less, params.batch_size) if less else before[:0]
        change = _binary(before, class_) - _binary(after, class_)
        ranked = change.argsort(descending=True, stable=True)[: params.explaining_words]
        for rank, i in enumerate(ranked.tolist(), start=1):
            rows.append(
                {
                    "doc_id": documents.doc_ids[place],
                    "excerpt": " ".join(documents.tokens[place][:QUOTED_WORDS]),
                    "label": documents.labels[place],
                    "prediction": classes[class_],
                    "probability": before.softmax(1)[0, class_].item(),
                    "rank": rank,
                    "token": words[candidates[i]],
                    "change": change[i].item(),
                }
            )
    return pa.Table.from_pylist(rows, MOVED_WORDS.schema)


def _binary(outputs: Tensor, class_: int) -> Tensor:
    """Return log p / (1 - p) of a class, of shape (documents,)."""
    others = torch.cat([outputs[:, :class_], outputs[:, class_ + 1 :]], 1)
    return outputs[:, class_] - others.logsumexp(1)


def read_vectors(path: Path) -> tuple[list[str], np.ndarray]:
    """Return words and vectors, of shape (words, dimensions), the first for all other words."""
    table = pq.read_table(path)
    vectors = to_array(table["vector"])
    return ["", *table["token"].to_pylist()], np.pad(vectors, ((1, 0), (0, 0)))


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, train, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", choices=list(CELLS))
    parser.add_argument("tokens", type=Path)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("confusion", type=Path)
    parser.add_argument("moved_words", type=Path)
    parser.add_argument("curve", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, ClassifyDocumentsParams)

    device = prepare(params)
    documents = read_labelled(args.tokens)
    sizes = {name: len(own.labels) for name, own in documents.items()}
    unscored = why_unscored(documents)
    if unscored:
        print(f"nothing to train: {unscored}", flush=True)
        with Outputs(args.validation) as outputs:
            save_file({}, outputs.aside(args.model), {"arguments": json.dumps(None)})
            outputs.table(args.confusion, CONFUSION, CONFUSION.schema.empty_table())
            outputs.table(args.moved_words, MOVED_WORDS, MOVED_WORDS.schema.empty_table())
            pd.DataFrame(columns=CURVE).to_csv(outputs.aside(args.curve), index=False)
            outputs.json(args.metrics, {"accuracy": None, "unscored": unscored, "documents": sizes})
        return
    words, vectors = read_vectors(args.vectors)
    number = {word: i for i, word in enumerate(words) if i}
    classes = sorted(set(documents["train"].labels))
    splits = {
        name: to_split(own, number, classes, params.max_words) for name, own in documents.items()
    }
    arguments = {
        "cell": args.cell,
        "words": words,
        "classes": classes,
        "dimensions": vectors.shape[1],
        "tune_vectors": params.tune_vectors,
        "hidden_size": params.hidden_size,
        "layers": params.layers,
        "dropout": params.dropout.shares(),
    }
    model = DocumentModel(**arguments)
    longest = max(len(own) for split in splits.values() for own in split.words)
    check_memory(model.recurrent, longest, params.batch_size, device)
    occurrences = count_occurrences(splits["train"], len(words), len(classes), params.seed)
    model.start_from(vectors, occurrences)
    checkpoint = Checkpoint(args.model, params, [args.tokens, args.vectors], Path(__file__).parent)
    model, history = fit(
        model.to(device),
        lambda epoch: batches(splits["train"], occurrences, params, epoch),
        math.ceil(sizes["train"] / params.batch_size),
        loss,
        lambda model: validate(model, splits["validation"], params.batch_size),
        params,
        checkpoint,
    )

    test = documents["test"]
    numbers = log_odds(model, splits["test"].words, params.batch_size).argmax(1)
    predictions = [classes[class_] for class_ in numbers]
    moved = moved_words(model, test, splits["test"], words, classes, params)
    with Outputs(args.validation) as outputs:
        save_model(model, arguments, outputs.aside(args.model))
        outputs.table(args.confusion, CONFUSION, confusion(test.labels, predictions))
        outputs.table(args.moved_words, MOVED_WORDS, moved)
        pd.DataFrame(history).to_csv(outputs.aside(args.curve), index=False)
        outputs.json(
            args.metrics,
            {
                "documents": sizes,
                "labels": len(classes),
                "test_documents_of_unseen_label": sum(
                    label not in classes for label in test.labels
                ),
                **scores(test.labels, predictions),
                **count(model, model.recurrent, history),
            },
        )
    checkpoint.remove()
