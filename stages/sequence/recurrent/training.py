"""The training loop of all tasks."""

import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.core.products import use_openblas
from stages.core.progress import progress
from stages.sequence.recurrent.cells import Recurrent, State, detach, tree_map
from stages.sequence.recurrent.params import TrainingParams

SECONDS_BETWEEN_CHECKPOINTS = 30.0

# The tensors that a step trains on. The first has the shape (time, batch, ...).
Batch = tuple[Tensor, ...]
# Model, batch, state -> mean loss, number of terms in the mean, and the state that the next batch
# of the epoch starts from (None where batches are independent).
Loss = Callable[[Any, Batch, State], tuple[Tensor, int, State]]
Model = TypeVar("Model", bound=nn.Module)


def prepare(params: TrainingParams) -> torch.device:
    """Seed torch, make it deterministic, and return the device to train on.

    Raises:
        StageError: the device is missing
    """
    if params.device == "cuda":
        # Without it cuBLAS is not deterministic (its manual, "Results reproducibility").
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        if not torch.cuda.is_available():
            raise StageError("device is cuda, but torch sees no GPU here: set device to cpu")
    use_openblas()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(params.seed)
    return torch.device(params.device)


def check_memory(recurrent: Recurrent, time: int, batch: int, device: torch.device) -> None:
    """Make sure that back-propagation through `time` steps of `batch` sequences fits in memory.

    Raises:
        StageError: the layers' activations need more than the device's memory
    """
    # About 16 floats per unit at most: gates, states and their gradients.
    needed = 4 * 16 * time * batch * sum(layer.hidden_size for layer in recurrent.layers)
    if device.type == "cuda":
        there = torch.cuda.get_device_properties(device).total_memory
    else:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise StageError(
            f"{batch} sequences of {time} steps need about {needed / 2**30:.1f} GiB of memory, and "
            f"the device has {there / 2**30:.1f} GiB: shorten the sequences, or lower batch_size "
            "or hidden_size"
        )


class _CarriedState:
    """The state that batches hand on to each other, as a part of a checkpoint."""

    def __init__(self, device: torch.device):
        self.state: State = None
        self._device = device

    def state_dict(self) -> dict[str, State]:
        return {"state": self.state}

    def load_state_dict(self, saved: dict[str, State]) -> None:
        self.state = tree_map(lambda tensor: tensor.to(self._device), saved["state"])


def fit(
    model: Model,
    batches: Callable[[int], Iterator[Batch]],
    steps: int,
    loss: Loss,
    validate: Callable[[Model], dict[str, float]],
    params: TrainingParams,
    checkpoint: Checkpoint,
    goal: float = -math.inf,
) -> tuple[Model, list[dict[str, float]]]:
    """Train by Adam until the validation loss has not fallen for `patience` epochs.

    Back-propagation goes through a whole batch and stops at its start (Werbos 1990): the next
    batch of the epoch starts from the state that `loss` returns, but its gradient does not reach
    back.

    Args:
        model: model, trained in place on the device it is on
        batches: function from an epoch, counted from 1, to its batches; the same at every call
        steps: batches in an epoch
        loss: function from a batch to its loss
        validate: function from the model to `loss`, on the validation split, and other columns of
            the curve
        params: learning rate and its decay, clipping (Pascanu et al. 2013), epochs and patience
        checkpoint: checkpoint that a killed run continues from
        goal: validation loss below which training ends

    Returns:
        The model with the lowest validation loss, and a row for each epoch: epoch, learning_rate
        at its start, train_loss, gradient_norm (mean before clipping), clipped_share (of the
        updates), steps (of all sequences, padding included), validation_loss and the other
        columns that `validate` returns

    Raises:
        StageError: a loss or a gradient is not a finite number
    """
    device = next(model.parameters()).device
    # Adam's fused form takes one pass over the weights instead of a dozen.
    optimizer = torch.optim.Adam(model.parameters(), lr=params.learning_rate, fused=True)
    best, carried = copy.deepcopy(model), _CarriedState(device)
    parts = {"model": model, "best": best, "optimizer": optimizer, "carried": carried}
    # `sums` run over the current epoch.
    zeros = {"loss": 0.0, "terms": 0, "norm": 0.0, "clipped": 0, "steps": 0}
    fresh = {"history": [], "step": 0, "sums": zeros}
    reached = checkpoint.restore(parts) or fresh
    history, saved_at = reached["history"], time.monotonic()
    for epoch in range(len(history) + 1, params.epochs + 1):
        losses = [row["validation_loss"] for row in history]
        if losses and (
            min(losses) < goal or len(losses) - (int(np.argmin(losses)) + 1) >= params.patience
        ):
            break
        done, sums = reached["step"], reached["sums"]
        reached = fresh
        model.train()
        remaining = progress(
            islice(batches(epoch), done, None),
            f"epoch {epoch} of at most {params.epochs}",
            steps - done,
        )
        for step, batch in enumerate(remaining, start=done):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(history, step / steps, params)
            batch = [part.to(device) for part in batch]
            value, terms, carried.state = loss(model, batch, detach(carried.state))
            optimizer.zero_grad()
            value.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), params.gradient_norm).item()
            for name, number in (("loss", value.item()), ("norm of the gradient", norm)):
                if not math.isfinite(number):
                    raise StageError(
                        f"the {name} is {number} at step {step} of epoch {epoch}: "
                        f"lower {params.section}.learning_rate or gradient_norm"
                    )
            optimizer.step()
            sums = {
                "loss": sums["loss"] + value.item() * terms,
                "terms": sums["terms"] + terms,
                "norm": sums["norm"] + norm,
                "clipped": sums["clipped"] + (norm > params.gradient_norm),
                "steps": sums["steps"] + batch[0].shape[0] * batch[0].shape[1],
            }
            if time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS:
                checkpoint.save(parts, {"history": history, "step": step + 1, "sums": sums})
                saved_at = time.monotonic()
        carried.state = None
        row = {
            "epoch": epoch,
            "learning_rate": learning_rate(history, 0.0, params),
            "train_loss": sums["loss"] / sums["terms"],
            "gradient_norm": sums["norm"] / steps,
            "clipped_share": sums["clipped"] / steps,
            "steps": sums["steps"],
        }
        model.eval()
        with torch.no_grad():
            row |= {f"validation_{name}": value for name, value in validate(model).items()}
        if not math.isfinite(row["validation_loss"]):
            raise StageError(
                f"the validation loss is {row['validation_loss']} after epoch {epoch}: "
                f"lower {params.section}.learning_rate or gradient_norm"
            )
        if row["validation_loss"] < min(losses, default=math.inf):
            best.load_state_dict(model.state_dict())
        history.append(row)
        checkpoint.save(parts, {**fresh, "history": history})
        print(
            f"epoch {epoch}: loss {row['train_loss']:.4f} in training, "
            f"{row['validation_loss']:.4f} in validation",
            flush=True,
        )
    return best.eval(), history


def learning_rate(history: list[dict[str, float]], share: float, params: TrainingParams) -> float:
    """Return the learning rate after `share` of the epoch that follows `history`.

    With `linear` the rate falls to zero in a straight line over all epochs. A number multiplies
    the rate after each epoch that lowers the lowest validation loss by less than 0.2 percent.
    """
    if params.learning_rate_decay == "linear":
        return params.learning_rate * (1 - (len(history) + share) / params.epochs)
    rate, lowest = params.learning_rate, math.inf
    for row in history:
        if row["validation_loss"] >= 0.998 * lowest:
            rate *= params.learning_rate_decay
        lowest = min(lowest, row["validation_loss"])
    return rate


def training_costs(
    model: nn.Module, recurrent: Recurrent, history: list[dict[str, float]]
) -> dict[str, int]:
    """Return the size of a model and the length of its training, for the metrics."""
    losses = [row["validation_loss"] for row in history]
    return {
        "weights": sum(weight.numel() for weight in model.parameters()),
        "recurrent_multiply_adds_per_step": recurrent.multiply_adds,
        "steps_seen": sum(row["steps"] for row in history),
        "epochs": len(history),
        "best_epoch": int(np.argmin(losses)) + 1,
    }
