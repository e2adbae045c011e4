"""Solve the adding problem over growing gaps, and measure the gradients."""

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
from stages.core.command import command
from stages.core.outputs import Output, Table
from stages.metrics.solve_adding_problem import SolveAddingProblemMetrics
from stages.sequence.contracts import GRADIENTS
from stages.sequence.recurrent.cells import Recurrent, State, check_cell, tree_map
from stages.sequence.recurrent.model_files import save_model
from stages.sequence.recurrent.params import TrainingParams
from stages.sequence.recurrent.training import (
    Batch,
    check_memory,
    fit,
    prepare,
    training_costs,
)

# Streams of held-out sequences; the training streams have the numbers of their epochs, from 1.
VALIDATION, TEST = -1, -2
# Sequences over which gradient norms are averaged.
MEASURED = 100
# Mean squared error of always answering 1: the variance of the sum of two uniform numbers.
ALWAYS_ONE = 1 / 6


class AddingProblemParams(TrainingParams):
    """The section `sequence.solve_adding_problem`."""

    gaps: list[Annotated[int, Field(ge=2)]] = Field(min_length=1)
    batches_per_epoch: int = Field(ge=1)
    solved_below: float = Field(gt=0)
    held_out: int = Field(ge=MEASURED)


class Adder(nn.Module):
    """Stacked cells that read a sequence, and one number computed from the last hidden state.

    Args:
        cell: key of `CELLS`
        hidden_size: width of each layer
        layers: number of layers
        dropout: shares before, between and after the layers
    """

    def __init__(self, cell: str, hidden_size: int, layers: int, dropout: tuple):
        super().__init__()
        self.recurrent = Recurrent(cell, 2, hidden_size, layers, dropout)
        self.output = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers, (batch,), to sequences, (time, batch, 2)."""
        hidden, _ = self.recurrent(x)
        return self.output(hidden[-1]).squeeze(1)


def build(gaps: list[int], **arguments) -> nn.ModuleDict:
    """Return an `Adder` for each gap, with the gap as its key."""
    return nn.ModuleDict({str(gap): Adder(**arguments) for gap in gaps})


def draw(gap: int, n: int, seed: int, stream: int, device: torch.device) -> Iterator[Batch]:
    """Yield batches of the adding problem (Hochreiter and Schmidhuber 1997, section 5.4).

    A sequence has `gap` numbers between 0 and 1. Two of them are marked, one in each half (as in Le
    et al. 2015, arXiv:1504.00941, section 4.1), and the answer is their sum.

    Args:
        gap: steps of a sequence
        n: sequences in a batch
        seed: seed of all streams
        stream: number of the stream of batches
        device: device that the batches are moved to

    Yields:
        The sequences, (gap, n, 2), with number and mark in the last axis, and the sums, (n,)
    """
    generator = np.random.default_rng([seed, gap, stream % 2**32])
    columns = np.arange(n)
    while True:
        numbers = generator.random((gap, n), dtype=np.float32)
        marks = np.zeros_like(numbers)
        marks[generator.integers(0, gap // 2, n), columns] = 1
        marks[generator.integers(gap // 2, gap, n), columns] = 1
        x = torch.from_numpy(np.stack([numbers, marks], axis=2)).to(device)
        yield x, torch.from_numpy((numbers * marks).sum(0)).to(device)


def loss(model: Adder, batch: Batch, state: State) -> tuple[Tensor, int, None]:
    """Return the mean squared error, the number of sequences, and no state."""
    x, sums = batch
    return functional.mse_loss(model(x), sums), len(sums), None


def gradient_norms(model: Adder, batch: Batch) -> np.ndarray:
    """Return how strongly the loss depends on the state of each step, counted from the last.

    Returns:
        Norm of the gradient of a sequence's squared error with respect to the state that a step
        hands on (the hidden state, for an LSTM the cell state too), averaged over the sequences,
        (time,); the last step comes first
    """
    x, sums = batch
    state, states = None, []
    for step in x:
        _, state = model.recurrent(step.unsqueeze(0), state)
        # An identity makes the cell state a variable that the hidden state was not computed from.
        state = tree_map(lambda tensor: tensor.view_as(tensor), state)
        parts: list[Tensor] = []
        tree_map(parts.append, state)
        states.append(parts)
    top = state[-1][0] if isinstance(state[-1], tuple) else state[-1]  # (1, batch, hidden)
    errors = (model.output(top[0]).squeeze(1) - sums).square()
    flat = [part for parts in states for part in parts]
    gradients = iter(torch.autograd.grad(errors.sum(), flat, allow_unused=True))
    norms = []
    for parts in states:
        # Of the last step, only the hidden state of the top layer has a gradient.
        own = [g for g in (next(gradients) for _ in parts) if g is not None]
        joined = torch.cat([g.transpose(0, 1).flatten(1) for g in own], dim=1)  # (batch, states)
        norms.append(torch.linalg.vector_norm(joined, dim=1).mean().item())
    return np.array(norms[::-1])


def check(*, cell: str) -> None:
    """Check that the cell is known."""
    check_cell(cell)


@command
def main(
    *,
    params: AddingProblemParams,
    cell: str,
    models: Output,
    gradients: Table[GRADIENTS],
    curve: Output,
    metrics: Output,
) -> None:
    """Solve the adding problem over growing gaps, and measure the gradients.

    Args:
        cell: recurrent cell; sequence.cells lists them
        models: weights of the model of each gap
        gradients: norm of the gradient at each step, before and after training
    """
    device = prepare(params)
    arguments = {"cell": cell, **params.stack()}
    networks = build(params.gaps, **arguments).to(device)
    curves, norms, results = [], [], {}
    for gap in params.gaps:
        network = networks[str(gap)]
        check_memory(network.recurrent, gap, params.batch_size, device)
        validation, test = (
            next(draw(gap, params.held_out, params.seed, stream, device))
            for stream in (VALIDATION, TEST)
        )
        measured = (test[0][:, :MEASURED], test[1][:MEASURED])
        before = gradient_norms(network.eval(), measured)
        print(f"gap {gap}:", flush=True)
        network, history = fit(
            network,
            lambda epoch, gap=gap: islice(
                draw(gap, params.batch_size, params.seed, epoch, device), params.batches_per_epoch
            ),
            params.batches_per_epoch,
            loss,
            lambda network, batch=validation: {"loss": loss(network, batch, None)[0].item()},
            params,
            Checkpoint(models, params, [], Path(__file__), str(gap)),
            goal=params.solved_below,
        )
        networks[str(gap)] = network
        with torch.no_grad():
            error = loss(network, test, None)[0].item()
        results[str(gap)] = {
            "mean_squared_error": error,
            "solved": error < params.solved_below,
            "updates": len(history) * params.batches_per_epoch,
            **training_costs(network, network.recurrent, history),
        }
        curves.append(pd.DataFrame(history).assign(gap=gap))
        for training, values in (("before", before), ("after", gradient_norms(network, measured))):
            table = pd.DataFrame({"steps_back": range(gap), "gradient_norm": values})
            norms.append(table.assign(gap=gap, training=training))

    save_model(networks, {"gaps": params.gaps, **arguments}, models.path)
    columns = pd.concat(norms)[gradients.schema.names]
    gradients.write(pa.Table.from_pandas(columns, preserve_index=False))
    curve.write_csv(pd.concat(curves))
    metrics.write_json(SolveAddingProblemMetrics(always_one=ALWAYS_ONE, gaps=results))
