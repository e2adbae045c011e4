"""What all tasks share: the training loop, its parameters, and models as files."""

import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import torch
from pydantic import Field
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.core.params import Params
from stages.core.progress import progress
from stages.sequence.cells import Recurrent, State, detach, each

SECONDS_BETWEEN_CHECKPOINTS = 30.0

# What a step trains on. The first tensor has the shape (time, batch, ...).
Batch = tuple[Tensor, ...]
# Model, batch, state -> mean loss, how many terms it is the mean of, state to begin the next batch
# of the epoch with (None where every batch stands for itself).
Loss = Callable[[Any, Batch, State], tuple[Tensor, int, State]]
Model = TypeVar("Model", bound=nn.Module)


class Dropout(Params):
    """Shares of values set to zero: before, between and after the layers."""

    before: float = Field(ge=0, lt=1)
    between: float = Field(ge=0, lt=1)
    after: float = Field(ge=0, lt=1)

    def shares(self) -> tuple[float, float, float]:
        """Return them in order."""
        return self.before, self.between, self.after


class TrainingParams(Params):
    """What the section of every task has."""

    hidden_size: int = Field(ge=1)
    layers: int = Field(ge=1)
    dropout: Dropout
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    learning_rate_decay: Literal["linear"] | Annotated[float, Field(gt=0, le=1)]
    gradient_norm: float = Field(gt=0)
    epochs: int = Field(ge=1)
    patience: int = Field(ge=1)
    device: Literal["cpu", "cuda"]
    seed: int = Field(ge=0)


def prepare(params: TrainingParams) -> torch.device:
    """Seed torch, make it repeat itself to the byte, and return the device to train on.

    Raises:
        StageError: the device is not there.
    """
    if params.device == "cuda":
        # cuBLAS repeats itself only with work space of its own (CUDA's manual, reproducibility).
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        if not torch.cuda.is_available():
            raise StageError("device is cuda, but torch sees no GPU here: set device to cpu")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(params.seed)
    return torch.device(params.device)


def check_memory(recurrent: Recurrent, time: int, batch: int, device: torch.device) -> None:
    """Make sure that back-propagation through `time` steps of `batch` sequences fits in memory.

    Raises:
        StageError: all that the layers keep of each step is more than the device's memory.
    """
    # At most some 16 numbers a unit: gates, states and their gradients.
    needed = 4 * 16 * time * batch * sum(layer.hidden_size for layer in recurrent.layers)
    if device.type == "cuda":
        there = torch.cuda.get_device_properties(device).total_memory
    else:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise StageError(
            f"{batch} sequences of {time} steps need some {needed / 2**30:.1f} GiB at once, and "
            f"there are {there / 2**30:.1f}: cut the sequences or lower batch_size or hidden_size"
        )


def shuffled(n: int, batch_size: int, seed: int, epoch: int) -> Iterator[Tensor]:
    """Yield the numbers below `n` in an order of the epoch's own, `batch_size` at once."""
    order = np.random.default_rng([seed, epoch]).permutation(n)
    yield from torch.from_numpy(order).split(batch_size)


class _Carried:
    """The state that is carried from batch to batch, as a part of a checkpoint."""

    def __init__(self, device: torch.device):
        self.state: State = None
        self._device = device

    def state_dict(self) -> dict[str, State]:
        return {"state": self.state}

    def load_state_dict(self, saved: dict[str, State]) -> None:
        self.state = each(saved["state"], lambda tensor: tensor.to(self._device))


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

    Back-propagation goes through the whole of a batch and stops there (Werbos 1990): the state
    that `loss` hands on goes into the next batch of the epoch, its gradient does not.

    Args:
        model: trained in place, on the device it is on.
        batches: yields the batches of an epoch, counted from 1; the same ones at every call.
        steps: batches in an epoch.
        loss: of a batch.
        validate: returns the `loss` on the validation split, and other columns of the curve.
        params: learning rate and its decay, clipping (Pascanu et al. 2013), epochs and patience.
        checkpoint: where the run goes on from when it was killed.
        goal: training ends with the epoch whose validation loss is below it, too.

    Returns:
        The model as it was when the validation loss was lowest, and a row for each epoch: epoch,
        learning_rate at its start, train_loss, gradient_norm (the mean before clipping),
        clipped_share of the updates, steps (of all sequences together, padding included),
        validation_loss and what else `validate` returns.

    Raises:
        StageError: a loss or a gradient is not a finite number; says at which step.
    """
    device = next(model.parameters()).device
    # Adam's fused form takes one pass over the weights instead of a dozen.
    optimizer = torch.optim.Adam(model.parameters(), lr=params.learning_rate, fused=True)
    best, carried = copy.deepcopy(model), _Carried(device)
    parts = {"model": model, "best": best, "optimizer": optimizer, "carried": carried}
    # `sums` are over the running epoch.
    nothing = {"loss": 0.0, "terms": 0, "norm": 0.0, "clipped": 0, "steps": 0}
    fresh = {"history": [], "step": 0, "sums": nothing}
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
        ahead = islice(batches(epoch), done, None)
        told = progress(ahead, f"epoch {epoch} of at most {params.epochs}", steps - done)
        for step, batch in enumerate(told, start=done):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(history, step / steps, params)
            batch = [part.to(device) for part in batch]
            value, terms, carried.state = loss(model, batch, detach(carried.state))
            optimizer.zero_grad()
            value.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), params.gradient_norm).item()
            for name, number in (("loss", value.item()), ("gradient's norm", norm)):
                if not math.isfinite(number):
                    raise StageError(
                        f"the {name} is {number} at step {step} of epoch {epoch}: "
                        "lower learning_rate or gradient_norm"
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
                "lower learning_rate or gradient_norm"
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
    """Return the rate for the step that stands behind `share` of the epoch after `history`.

    `linear` falls to nothing in a straight line over all epochs; a factor is multiplied with after
    each epoch that lowers the lowest validation loss by less than a five-hundredth of it.
    """
    if params.learning_rate_decay == "linear":
        return params.learning_rate * (1 - (len(history) + share) / params.epochs)
    rate, lowest = params.learning_rate, math.inf
    for row in history:
        if row["validation_loss"] >= 0.998 * lowest:
            rate *= params.learning_rate_decay
        lowest = min(lowest, row["validation_loss"])
    return rate


def count(model: nn.Module, recurrent: Recurrent, history: list[dict[str, float]]) -> dict:
    """Return what every task's metrics say of a model and its training."""
    losses = [row["validation_loss"] for row in history]
    return {
        "weights": sum(weight.numel() for weight in model.parameters()),
        "recurrent_multiply_adds_per_step": recurrent.multiply_adds,
        "steps_seen": sum(row["steps"] for row in history),
        "epochs": len(history),
        "best_epoch": int(np.argmin(losses)) + 1,
    }


def save_model(model: nn.Module, arguments: dict[str, Any], path: Path) -> None:
    """Write the weights as safetensors, with the arguments that build the model in its header."""
    weights = {name: weight.cpu().contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, path, {"arguments": json.dumps(arguments)})


def load_model(path: Path, build: Callable[..., Model]) -> Model:
    """Return the model that `save_model` wrote, made by `build(**arguments)`."""
    with safe_open(path, "pt") as file:
        model = build(**json.loads(file.metadata()["arguments"]))
        model.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    return model.eval()
