"""Train a model that reads images row by row and says which digit each shows."""

import argparse
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

from stages.checkpoint import Checkpoint
from stages.errors import StageError
from stages.outputs import Outputs
from stages.params import load
from stages.raw import InnerPath
from stages.sequence.cells import CELLS, Recurrent, State
from stages.sequence.classification import confusion, scores
from stages.sequence.contracts import CONFUSION
from stages.sequence.images import SCIKIT_LEARN, Images, read_images
from stages.sequence.training import (
    Batch,
    TrainingParams,
    check_memory,
    count,
    fit,
    prepare,
    save_model,
    shuffled,
)

# Images at once where no gradient is needed.
IMAGES_TO_JUDGE = 500


class ReadDigitsParams(TrainingParams):
    """The section `sequence.read_digits`."""

    source: InnerPath
    validation_share: float = Field(gt=0, lt=0.5)
    test_share: float = Field(gt=0, lt=0.5)


class Split(NamedTuple):
    """Images as sequences of rows, of shape (images, rows, columns), and their classes."""

    rows: Tensor
    classes: Tensor


class DigitModel(nn.Module):
    """Stacked cells that read the rows of an image, and a log-odds for each class at the end."""

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
        """Return log-odds of shape (batch, classes).

        Args:
            rows: of images, from top to bottom, of shape (time, batch, columns).
        """
        hidden, _ = self.recurrent(rows)  # (time, batch, hidden)
        return self.output(hidden[-1])


def split(images: Images, params: ReadDigitsParams) -> tuple[dict[str, Split], list[int]]:
    """Return the images in three splits, and the labels that the classes stand for.

    What the source holds out for the test stays there; the rest is drawn.

    Raises:
        StageError: a split would have no image, or all images have the same label.
    """
    labels, classes = np.unique(images.labels, return_inverse=True)
    if len(labels) < 2:
        raise StageError(f"{params.source} has images of a single label: there is nothing to learn")
    order = np.random.default_rng(params.seed).permutation(len(classes))
    if images.is_test is None:
        n_test = round(params.test_share * len(order))
        test, others = order[:n_test], order[n_test:]
    else:
        test, others = order[images.is_test[order]], order[~images.is_test[order]]
    n_validation = round(params.validation_share * len(order))
    places = {"train": others[n_validation:], "validation": others[:n_validation], "test": test}
    if not all(map(len, places.values())):
        sizes = ", ".join(f"{name} {len(own)}" for name, own in places.items())
        raise StageError(f"{params.source} has too few images to split ({sizes}): bring more")
    pixels, numbers = torch.from_numpy(images.pixels), torch.from_numpy(classes)
    return {name: Split(pixels[own], numbers[own]) for name, own in places.items()}, labels.tolist()


def batches(part: Split, params: ReadDigitsParams, epoch: int) -> Iterator[Batch]:
    """Yield rows, of shape (time, batch, columns), and classes, of shape (batch,)."""
    for places in shuffled(len(part.rows), params.batch_size, params.seed, epoch):
        yield part.rows[places].transpose(0, 1), part.classes[places]


def loss(model: DigitModel, batch: Batch, state: State) -> tuple[Tensor, int, State]:
    """Return the mean cross-entropy in nats, and the number of images."""
    rows, classes = batch
    return functional.cross_entropy(model(rows), classes), len(classes), None


@torch.no_grad()
def log_odds(model: DigitModel, rows: Tensor) -> Tensor:
    """Return the log-odds of each class for images (images, rows, columns): (images, classes)."""
    model.eval()
    device = next(model.parameters()).device
    parts = [model(part.transpose(0, 1).to(device)) for part in rows.split(IMAGES_TO_JUDGE)]
    return torch.cat(parts).cpu()


def validate(model: DigitModel, part: Split) -> dict[str, float]:
    """Return the mean cross-entropy in nats, and the accuracy."""
    outputs = log_odds(model, part.rows)
    return {
        "loss": functional.cross_entropy(outputs, part.classes).item(),
        "accuracy": (outputs.argmax(1) == part.classes).double().mean().item(),
    }


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, train, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", choices=list(CELLS))
    parser.add_argument("raw", type=Path, help="folder that params' source is a folder of")
    parser.add_argument("model", type=Path)
    parser.add_argument("confusion", type=Path)
    parser.add_argument("curve", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, ReadDigitsParams)

    device = prepare(params)
    splits, labels = split(read_images(params.source, args.raw), params)
    n_images, n_rows, n_columns = splits["train"].rows.shape
    arguments = {
        "cell": args.cell,
        "columns": n_columns,
        "classes": labels,
        "hidden_size": params.hidden_size,
        "layers": params.layers,
        "dropout": params.dropout.shares(),
    }
    model = DigitModel(**arguments)
    check_memory(model.recurrent, n_rows, params.batch_size, device)
    inputs = []
    if params.source != SCIKIT_LEARN:
        inputs = sorted((args.raw / params.source).glob("*-ubyte*"))
    checkpoint = Checkpoint(args.model, params, inputs, Path(__file__).parent)
    model, history = fit(
        model.to(device),
        lambda epoch: batches(splits["train"], params, epoch),
        math.ceil(n_images / params.batch_size),
        loss,
        lambda model: validate(model, splits["validation"]),
        params,
        checkpoint,
    )

    test = splits["test"]
    truth = [str(labels[number]) for number in test.classes]
    predictions = [str(labels[number]) for number in log_odds(model, test.rows).argmax(1)]
    with Outputs(args.validation) as outputs:
        save_model(model, arguments, outputs.aside(args.model))
        outputs.table(args.confusion, CONFUSION, confusion(truth, predictions))
        pd.DataFrame(history).to_csv(outputs.aside(args.curve), index=False)
        outputs.json(
            args.metrics,
            {
                "source": params.source,
                "rows": n_rows,
                "columns": n_columns,
                "images": {name: len(own.rows) for name, own in splits.items()},
                **scores(truth, predictions),
                **count(model, model.recurrent, history),
            },
        )
    checkpoint.remove()
