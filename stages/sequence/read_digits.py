"""Train a model that reads images row by row and predicts which digit each shows."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stages.core.accuracy import scores
from stages.core.checkpoint import Checkpoint
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.raw import InnerPath, find
from stages.metrics.read_digits import ReadDigitsMetrics
from stages.sequence.classification.confusion import confusion_counts
from stages.sequence.classification.evaluation import predict, validate
from stages.sequence.contracts import CONFUSION
from stages.sequence.images import SCIKIT_LEARN, Images, image_files, read_images
from stages.sequence.recurrent.batching import shuffle
from stages.sequence.recurrent.cells import Recurrent, State, check_cell
from stages.sequence.recurrent.model_files import save_model
from stages.sequence.recurrent.params import TrainingParams
from stages.sequence.recurrent.training import (
    Batch,
    check_memory,
    fit,
    prepare,
    training_costs,
)

# Images in a batch of the evaluation, which needs no gradient.
EVALUATION_IMAGES = 500


class ReadDigitsParams(TrainingParams):
    """The section `sequence.read_digits`."""

    source: InnerPath
    validation_share: float = Field(gt=0, lt=0.5)
    test_share: float = Field(gt=0, lt=0.5)


class Split(NamedTuple):
    """Images of a split.

    Attributes:
        rows: images as sequences of rows, (images, rows, columns)
        classes: class of each image, (images,)
    """

    rows: Tensor
    classes: Tensor


class DigitModel(nn.Module):
    """Stacked cells that read the rows of an image, and the log-odds of each class.

    Args:
        cell: key of `CELLS`
        columns: pixels in a row
        classes: labels in the order of the outputs
        hidden_size: width of each layer
        layers: number of layers
        dropout: shares before, between and after the layers
    """

    def __init__(
        self,
        cell: str,
        columns: int,
        classes: list[int],
        hidden_size: int,
        layers: int,
        dropout: tuple[float, float, float],
    ):
        super().__init__()
        self.recurrent = Recurrent(cell, columns, hidden_size, layers, dropout)
        self.output = nn.Linear(hidden_size, len(classes))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the log-odds of the classes, (batch, classes).

        Args:
            rows: rows of the images from top to bottom, (time, batch, columns)
        """
        hidden, _ = self.recurrent(rows)  # (time, batch, hidden)
        return self.output(hidden[-1])


def split(images: Images, params: ReadDigitsParams) -> tuple[dict[str, Split], list[int]]:
    """Return the images in three splits, and the label of each class.

    Images that the source assigns to the test split stay there; the others are drawn.

    Raises:
        StageError: a split has no image, or all images have the same label
    """
    labels, classes = np.unique(images.labels, return_inverse=True)
    if len(labels) < 2:
        raise StageError(f"{params.source} has only images of one label: bring another label")
    order = np.random.default_rng(params.seed).permutation(len(classes))
    if images.is_test is None:
        n_test = round(params.test_share * len(order))
        test, others = order[:n_test], order[n_test:]
    else:
        test, others = order[images.is_test[order]], order[~images.is_test[order]]
    n_validation = round(params.validation_share * len(order))
    indices = {"train": others[n_validation:], "validation": others[:n_validation], "test": test}
    if not all(map(len, indices.values())):
        sizes = ", ".join(f"{name} {len(part)}" for name, part in indices.items())
        raise StageError(f"{params.source} has too few images to split ({sizes}): bring more")
    rows, classes = torch.from_numpy(images.pixels), torch.from_numpy(classes)
    splits = {name: Split(rows[part], classes[part]) for name, part in indices.items()}
    return splits, labels.tolist()


def batches(part: Split, params: ReadDigitsParams, epoch: int) -> Iterator[Batch]:
    """Yield the rows of images, (time, batch, columns), and their classes, (batch,)."""
    for indices in shuffle(len(part.rows), params.batch_size, params.seed, epoch):
        yield part.rows[indices].transpose(0, 1), part.classes[indices]


def loss(model: DigitModel, batch: Batch, state: State) -> tuple[Tensor, int, State]:
    """Return the mean cross-entropy in nats, and the number of images."""
    rows, classes = batch
    return functional.cross_entropy(model(rows), classes), len(classes), None


def log_odds(model: DigitModel, rows: Tensor) -> Tensor:
    """Return the log-odds of the classes, (images, classes), for (images, rows, columns)."""
    return predict(model, ((part.transpose(0, 1),) for part in rows.split(EVALUATION_IMAGES)))


def check(*, params: ReadDigitsParams, cell: str, raw: Path) -> None:
    """Check that the cell is known and that the images are there."""
    check_cell(cell)
    if params.source != SCIKIT_LEARN:
        find(raw, params.source)


@command
def main(
    *,
    params: ReadDigitsParams,
    cell: str,
    raw: Input,
    model: Output,
    confusion: Table[CONFUSION],
    curve: Output,
    metrics: Output,
) -> None:
    """Train a model that reads images row by row and predicts which digit each shows.

    Args:
        cell: recurrent cell; sequence.cells lists them
        raw: folder that contains the folder of the images
    """
    device = prepare(params)
    splits, labels = split(read_images(params.source, raw), params)
    n_images, n_rows, n_columns = splits["train"].rows.shape
    arguments = {"cell": cell, "columns": n_columns, "classes": labels, **params.stack()}
    network = DigitModel(**arguments)
    check_memory(network.recurrent, n_rows, params.batch_size, device)
    validation, test = splits["validation"], splits["test"]
    network, history = fit(
        network.to(device),
        lambda epoch: batches(splits["train"], params, epoch),
        math.ceil(n_images / params.batch_size),
        loss,
        lambda network: validate(log_odds(network, validation.rows), validation.classes),
        params,
        Checkpoint(model, params, image_files(params.source, raw), Path(__file__)),
    )

    truth = [str(labels[class_]) for class_ in test.classes]
    predictions = [str(labels[class_]) for class_ in log_odds(network, test.rows).argmax(1)]
    save_model(network, arguments, model.path)
    confusion.write(confusion_counts(truth, predictions))
    curve.write_csv(pd.DataFrame(history))
    metrics.write_json(
        ReadDigitsMetrics(
            source=params.source,
            rows=n_rows,
            columns=n_columns,
            images={name: len(part.rows) for name, part in splits.items()},
            **scores(truth, predictions),
            **training_costs(network, network.recurrent, history),
        )
    )
