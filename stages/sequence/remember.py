"""Have a cell remember over growing gaps (the adding problem), and watch its gradients."""

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stages.core.checkpoint import Checkpoint
from stages.core.outputs import Outputs
from stages.core.params import load
from stages.sequence.cells import CELLS, Recurrent, State, each
from stages.sequence.contracts import GRADIENTS
from stages.sequence.training import (
    Batch,
    TrainingParams,
    check_memory,
    count,
    fit,
    prepare,
    save_model,
)

# Numbers of the generators that draw what a model is not trained on; epochs count from 1.
VALIDATION, TEST = -1, -2
# Sequences that gradients are averaged over.
WATCHED = 100
# The mean squared error of always answering 1, the variance of a sum of two uniform numbers.
ALWAYS_ONE = 1 / 6


class RememberParams(TrainingParams):
    """The section `sequence.remember`."""

    gaps: list[Annotated[int, Field(ge=2)]] = Field(min_length=1)
    batches_per_epoch: int = Field(ge=1)
    solved_below: float = Field(gt=0)
    held_out: int = Field(ge=WATCHED)


class Adder(nn.Module):
    """Reads a sequence and answers with one number, from the last hidden state.

    Args:
        cell: a name of `CELLS`.
        hidden_size: of each layer.
        layers: how many.
        dropout: shares before, between and after the layers.
    """

    def __init__(self, cell: str, hidden_size: int, layers: int, dropout: tuple):
        super().__init__()
        self.recurrent = Recurrent(cell, 2, hidden_size, layers, dropout)
        self.output = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers, of shape (batch,), to sequences of shape (time, batch, 2)."""
        hidden, _ = self.recurrent(x)
        return self.output(hidden[-1]).squeeze(1)


def build(gaps: list[int], **arguments) -> nn.ModuleDict:
    """Return an `Adder` for each gap, under its number."""
    return nn.ModuleDict({str(gap): Adder(**arguments) for gap in gaps})


def draw(gap: int, n: int, seed: int, which: int, device: torch.device) -> Iterator[Batch]:
    """Yield batch after batch of the adding problem (Hochreiter and Schmidhuber 1997, section 5.4).

    Of `gap` numbers between 0 and 1 two are marked, one in each half (as Le et al. 2015,
    arXiv:1504.00941, section 4.1); their sum is wanted at the end.

    Args:
        gap: steps of a sequence.
        n: sequences in a batch.
        seed: of all draws.
        which: the number of this stream of batches.
        device: where the batches go.

    Yields:
        The sequences, of shape (gap, n, 2) with number and mark in the last axis, and the sums,
        of shape (n,).
    """
    generator = np.random.default_rng([seed, gap, which % 2**32])
    columns = np.arange(n)
    while True:
        numbers = generator.random((gap, n), dtype=np.float32)
        marks = np.zeros_like(numbers)
        marks[generator.integers(0, gap // 2, n), columns] = 1
        marks[generator.integers(gap // 2, gap, n), columns] = 1
        x = torch.from_numpy(np.stack([numbers, marks], axis=2)).to(device)
        yield x, torch.from_numpy((numbers * marks).sum(0)).to(device)


def loss(model: Adder, batch: Batch, state: State) -> tuple[Tensor, int, None]:
    """Return the mean squared error and the number of sequences; nothing is carried on."""
    x, sums = batch
    return functional.mse_loss(model(x), sums), len(sums), None


def gradient_norms(model: Adder, batch: Batch) -> np.ndarray:
    """Return how strongly the loss still depends on the state at each step back from the end.

    Returns:
        The norm of the gradient of a sequence's squared error with respect to all that a step
        hands on to the next (the hidden state, for an LSTM the cell state too), averaged over the
        sequences, of shape (time,). The first is that of the last step.
    """
    x, sums = batch
    state, handed_on = None, []
    for now in x:
        _, state = model.recurrent(now.unsqueeze(0), state)
        # An identity, so that the cell state is a variable apart from the hidden state made of it.
        state = each(state, lambda tensor: tensor.view_as(tensor))
        parts: list[Tensor] = []
        each(state, parts.append)
        handed_on.append(parts)
    top = state[-1][0] if isinstance(state[-1], tuple) else state[-1]  # (1, batch, hidden)
    errors = (model.output(top[0]).squeeze(1) - sums).square()
    flat = [part for parts in handed_on for part in parts]
    gradients = iter(torch.autograd.grad(errors.sum(), flat, allow_unused=True))
    norms = []
    for parts in handed_on:
        # Nothing but the hidden state of the last step counts: its other gradients are None.
        own = [g for g in (next(gradients) for _ in parts) if g is not None]
        squares = sum(g.square().sum((0, 2)) for g in own)  # (batch,)
        norms.append(squares.sqrt().mean().item())
    return np.array(norms[::-1])


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, train for each gap, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", choices=list(CELLS))
    parser.add_argument("models", type=Path)
    parser.add_argument("gradients", type=Path)
    parser.add_argument("curve", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, RememberParams)

    device = prepare(params)
    arguments = {
        "cell": args.cell,
        "hidden_size": params.hidden_size,
        "layers": params.layers,
        "dropout": params.dropout.shares(),
    }
    models = build(params.gaps, **arguments).to(device)
    curves, gradients, of_gaps, checkpoints = [], [], {}, []
    for gap in params.gaps:
        model = models[str(gap)]
        check_memory(model.recurrent, gap, params.batch_size, device)
        validation, test = (
            next(draw(gap, params.held_out, params.seed, which, device))
            for which in (VALIDATION, TEST)
        )
        watched = (test[0][:, :WATCHED], test[1][:WATCHED])
        checkpoint = Checkpoint(
            args.models.with_suffix(f".{gap}"), params, [], Path(__file__).parent
        )
        norms = {"before": gradient_norms(model.eval(), watched)}
        print(f"gap {gap}:", flush=True)
        best, history = fit(
            model,
            lambda epoch, gap=gap: islice(
                draw(gap, params.batch_size, params.seed, epoch, device), params.batches_per_epoch
            ),
            params.batches_per_epoch,
            loss,
            lambda model, held=validation: {"loss": loss(model, held, None)[0].item()},
            params,
            checkpoint,
            goal=params.solved_below,
        )
        norms["after"] = gradient_norms(best, watched)
        models[str(gap)] = best
        with torch.no_grad():
            error = loss(best, test, None)[0].item()
        of_gaps[str(gap)] = {
            "mean_squared_error": error,
            "solved": error < params.solved_below,
            "updates": len(history) * params.batches_per_epoch,
            **count(best, best.recurrent, history),
        }
        curves.append(pd.DataFrame(history).assign(gap=gap))
        gradients += [
            pd.DataFrame({"steps_back": range(gap), "gradient_norm": own}).assign(
                gap=gap, training=training
            )
            for training, own in norms.items()
        ]
        checkpoints.append(checkpoint)

    with Outputs(args.validation) as outputs:
        save_model(models, {"gaps": params.gaps, **arguments}, outputs.aside(args.models))
        outputs.table(
            args.gradients,
            GRADIENTS,
            pa.Table.from_pandas(
                pd.concat(gradients)[GRADIENTS.schema.names], preserve_index=False
            ),
        )
        pd.concat(curves).to_csv(outputs.aside(args.curve), index=False)
        outputs.json(args.metrics, {"always_one": ALWAYS_ONE, "gaps": of_gaps})
    for checkpoint in checkpoints:
        checkpoint.remove()
