"""Train the composer: a generator of passages and a critic."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from stages.core.checkpoint import Checkpoint
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.products import use_openblas
from stages.core.progress import progress as shown
from stages.music.adversarial.device import Device, find_device
from stages.music.adversarial.losses import Loss, critic_loss, generator_loss
from stages.music.composer.drawing import told_of
from stages.music.composer.networks import (
    Critic,
    Generator,
    Intervals,
    Shape,
    decode,
    encode,
)
from stages.music.composer.weights import save_composer
from stages.music.contracts import PROGRESS
from stages.music.notes.pianoroll import REST, Grid, Passages, choose_grid, read_passages, to_notes
from stages.music.scores.distributions import mean_overlap
from stages.music.scores.features import features

# What the composer made is kept after these shares of its rounds, in percent.
HEARD_AFTER = (1, 10, 50, 100)
# Seed of the draws that are the same at each validation and for all that is heard.
DRAWING_SEED = 0
# Rounds in which the learning rate rises from 0, and its last value as a share of the first.
RISING_ROUNDS, LAST_LEARNING_RATE = 50, 0.1
# The tables of intervals have few, rarely used entries: they learn faster than the networks.
INTERVALS_LEARNING_RATE = 30
GRADIENT_NORM = 1.0
# Share of the passages to learn from that are the end of a piece, which is rare and has its rules.
ENDINGS = 0.25


class TrainComposerParams(Params):
    """The section `music.train_composer`."""

    bars: int = Field(ge=1)
    context_bars: int = Field(ge=1)
    steps_per_beat: int = Field(ge=1)
    latent_size: int = Field(ge=1)
    hidden_size: int = Field(ge=2)
    dropout: float = Field(ge=0, lt=1)
    batch_size: int = Field(ge=2)
    learning_rate: float = Field(gt=0)
    rounds: int = Field(ge=2)
    adversarial_from: float = Field(ge=0, le=1)
    loss: Loss
    adversarial_weight: float = Field(ge=0)
    critic_batch_size: int = Field(ge=2)
    critic_learning_rate: float = Field(gt=0)
    gradient_penalty: float = Field(ge=0)
    validation_passages: int = Field(ge=2)
    rounds_per_checkpoint: int = Field(ge=1)
    device: Device
    seed: int


def shape_for(passages: Passages, params: TrainComposerParams, grid: Grid) -> Shape:
    """Return the shape of the networks. The range of each part is its range in `passages`."""
    parts = [part[part != REST] for part in passages.roll.pitches.transpose(1, 0, 2)]
    return Shape(
        grid=grid,
        context_bars=params.context_bars,
        lowest=tuple(int(part.min()) for part in parts),
        highest=tuple(int(part.max()) for part in parts),
        latent_size=params.latent_size,
        hidden_size=params.hidden_size,
    )


def likelihood(generator: Generator, choices: Tensor, told: Tensor, noise: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of choices, in nats for each part and step."""
    logits = generator(choices, told, noise)  # (parts, steps, batch, choices)
    return functional.cross_entropy(logits.flatten(0, 2), choices.permute(1, 2, 0).flatten())


class Windows(NamedTuple):
    """Passages of the training with their context.

    Attributes:
        choices: numbers of choices, (windows, parts, steps)
        told: conditions, (windows, conditions, steps)
        weights: how often a window is learned from, (windows,)
    """

    choices: Tensor
    told: Tensor
    weights: Tensor

    def some(self, n: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return choices and conditions of `n` windows."""
        index = torch.multinomial(self.weights, n, replacement=True)
        return self.choices[index].to(device), self.told[index].to(device)


class Training:
    """Both networks, their optimizers, and the best generator so far.

    Attributes:
        parts: what a checkpoint contains
    """

    def __init__(self, shape: Shape, params: TrainComposerParams, device: torch.device):
        self.params, self.device = params, device
        self.generator = Generator(shape, params.dropout).to(device)
        self.critic = Critic(shape).to(device)
        self.best = copy.deepcopy(self.generator)
        tables = [m.table for m in self.generator.modules() if isinstance(m, Intervals)]
        known = {id(table) for table in tables}
        others = [w for w in self.generator.parameters() if id(w) not in known]
        groups = [{"params": others, "speed": 1}]
        if tables:
            groups.append({"params": tables, "speed": INTERVALS_LEARNING_RATE})
        self.optimizer = torch.optim.Adam(groups, params.learning_rate, fused=True)
        self.critic_optimizer = torch.optim.Adam(
            self.critic.parameters(), params.critic_learning_rate, betas=(0.5, 0.9), fused=True
        )
        self.parts = {
            "generator": self.generator,
            "critic": self.critic,
            "best": self.best,
            "optimizer": self.optimizer,
            "critic_optimizer": self.critic_optimizer,
        }

    def set_learning_rate(self, round_number: int) -> None:
        """Raise the generator's learning rate at first, and lower it until the critic joins."""
        alone = max(1.0, self.params.adversarial_from * self.params.rounds)
        share = min(1.0, round_number / RISING_ROUNDS) * max(
            LAST_LEARNING_RATE, 1 - round_number / alone
        )
        for group in self.optimizer.param_groups:
            group["lr"] = self.params.learning_rate * share * group["speed"]

    def round(self, windows: Windows, adversarial: bool) -> dict[str, float]:
        """Train the generator for a step, and before it the critic if it takes part.

        Args:
            windows: passages to learn from
            adversarial: whether the critic takes part

        Returns:
            The losses of the round
        """
        n = self.params.batch_size
        choices, told = windows.some(n, self.device)
        losses = {}
        loss = likelihood(self.generator.train(), choices, told, self._noise(n))
        losses["likelihood_loss"] = loss.item()
        if adversarial:
            against, of_critic = self._against(windows)
            losses |= of_critic
            loss = loss + self.params.adversarial_weight * against
        self.optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(self.generator.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        return losses

    def _against(self, windows: Windows) -> tuple[Tensor, dict[str, float]]:
        """Train the critic for a step; return the generator's loss against it, and its own.

        Notes are drawn one by one, and each passes the gradient on by the straight-through
        estimator (Bengio, Leonard and Courville 2013, arXiv:1308.3432): the critic sees zeros and
        ones, and its gradient reaches the probabilities that they were drawn from.
        """
        grid, n = self.generator.shape.grid, self.params.critic_batch_size
        offset = int(torch.randint(self.params.context_bars + 1, ())) * grid.steps_per_bar
        span = slice(offset, offset + grid.steps)
        choices, told = (tensor[:, :, span] for tensor in windows.some(n, self.device))
        noise = self._noise(n)
        self.generator.eval()
        drawn = self.generator.draw(told, noise, 1.0, None)
        real, fake = (
            functional.one_hot(one, self.generator.shape.choices).float()
            for one in (choices, drawn)
        )
        loss, distance = critic_loss(
            lambda examples: self.critic(examples, told),
            real,
            fake,
            self.params.loss,
            self.params.gradient_penalty,
        )
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        chances = self.generator(drawn, told, noise).softmax(3).permute(2, 0, 1, 3)
        through = fake + chances - chances.detach()
        against = generator_loss(self.critic(through, told), self.params.loss)
        return against, {
            "generator_loss": against.item(),
            "critic_loss": loss.item(),
            "critic_distance": distance,
        }

    def _noise(self, n: int) -> Tensor:
        return torch.randn(n, self.params.latent_size).to(self.device)


def fit(
    windows: Windows,
    shape: Shape,
    params: TrainComposerParams,
    checkpoint: Checkpoint,
    validate: Callable[[Generator], dict[str, float]],
    listen: Callable[[Generator], list[list[float]]],
) -> tuple[Training, list[dict[str, Any]], list[dict[str, Any]]]:
    """Train both networks.

    Args:
        windows: passages to learn from
        shape: sizes of the networks
        params: parameters of the training
        checkpoint: from which a killed run resumes
        validate: returns the validation scores of a generator, of which `overlap` chooses
        listen: returns notes that a generator writes

    Returns:
        The trained networks; mean losses and validation scores between checkpoints; and notes after
        shares of the rounds, with the percentage
    """
    training = Training(shape, params, find_device(params.device, params.section))
    fresh = {"curve": [], "heard": []}
    reached = checkpoint.restore(training.parts) or fresh
    curve, heard = reached["curve"], reached["heard"]
    losses: list[dict[str, float]] = []
    rounds = range((curve[-1]["round"] if curve else 0) + 1, params.rounds + 1)
    moments = {max(1, round(params.rounds * share / 100)): share for share in HEARD_AFTER}
    for number in shown(rounds, "training the composer, rounds", len(rounds)):
        training.set_learning_rate(number)
        adversarial = number > params.adversarial_from * params.rounds
        loss = training.round(windows, adversarial)
        if not np.isfinite(list(loss.values())).all():
            raise StageError(
                f"the loss is {loss} in round {number}: lower {params.section}.learning_rate"
            )
        losses.append(loss)
        if number in moments:
            heard.append({"percent": moments[number], "notes": listen(training.generator)})
        if number % params.rounds_per_checkpoint == 0 or number == params.rounds:
            scores = validate(training.generator)
            if scores["overlap"] > max((row["overlap"] for row in curve), default=-1.0):
                training.best.load_state_dict(training.generator.state_dict())
            mean = pd.DataFrame(losses).mean().to_dict()
            curve.append({"round": number, **mean, **scores})
            losses = []
            checkpoint.save(training.parts, {"curve": curve, "heard": heard})
    return training, curve, heard


def draws(generator: Generator, told: Tensor) -> Tensor:
    """Return choices that a generator in training draws, the same ones for the same weights."""
    random = torch.Generator().manual_seed(DRAWING_SEED)
    device = next(generator.parameters()).device
    noise = torch.randn(len(told), generator.shape.latent_size, generator=random)
    return generator.eval().draw(told.to(device), noise.to(device), 1.0, random).cpu()


def validation(passages: Passages, shape: Shape) -> Callable[[Generator], dict[str, float]]:
    """Return a function that scores a generator on real passages.

    Its scores are the mean overlap of the distributions of features of drawn and real passages,
    and the negative log-likelihood of the real ones.
    """
    told = told_of(passages, shape)
    real = features(passages.roll, shape.grid)
    choices = encode(passages.roll, shape)

    def score(generator: Generator) -> dict[str, float]:
        drawn = features(decode(draws(generator, told), shape), shape.grid)
        device = next(generator.parameters()).device
        noise = torch.zeros(len(told), shape.latent_size, device=device)
        with torch.no_grad():
            loss = likelihood(generator, choices.to(device), told.to(device), noise)
        return {"validation_loss": loss.item(), "overlap": mean_overlap(real, drawn)}

    return score


@command
def main(
    *,
    params: TrainComposerParams,
    notes: Input,
    pieces: Input,
    composer: Output,
    progress: Table[PROGRESS],
    curve: Output,
) -> None:
    """Train the composer, a GAN on passages in parts.

    Args:
        progress: notes that it wrote after shares of its rounds
        curve: losses and validation scores over the rounds
    """
    use_openblas()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(params.seed)
    note_rows, piece_rows = (pq.read_table(table).to_pandas() for table in (notes, pieces))
    by_split = dict(list(piece_rows.groupby("split")))
    grid = choose_grid(by_split["train"], params.bars, params.steps_per_beat)
    if grid is None:
        raise StageError(
            f"{pieces} has no training piece in one metre of whole steps: raise "
            f"{params.section}.steps_per_beat"
        )
    with_context = grid._replace(bars=params.context_bars + params.bars)
    train = read_passages(note_rows, by_split["train"], with_context)
    held_out = read_passages(note_rows, by_split["validation"], grid)
    for split, passages, bars in (
        ("training", train, with_context.bars),
        ("validation", held_out, grid.bars),
    ):
        if not len(passages.minor):
            raise StageError(
                f"{pieces} has no {split} piece in {grid.parts} parts of {bars} bars of "
                f"{grid.beats_per_bar:g} quarter notes: lower {params.section}.bars or "
                "context_bars, or collect more music"
            )
    shape = shape_for(train, params, grid)
    chosen = np.linspace(0, len(held_out.minor) - 1, params.validation_passages).round().astype(int)
    endings = torch.from_numpy(train.bars_left == 0)
    weights = torch.where(endings, ENDINGS / endings.sum(), (1 - ENDINGS) / (~endings).sum())
    windows = Windows(encode(train.roll, shape), told_of(train, shape), weights)
    first = windows.told[train.bar == 0][:1]

    def listen(generator: Generator) -> list[list[float]]:
        written = to_notes(decode(draws(generator, first), shape), grid.steps_per_beat)
        return written.drop(columns="passage").to_numpy().tolist()

    checkpoint = Checkpoint(composer, params, [notes, pieces], Path(__file__))
    training, rows, heard = fit(
        windows, shape, params, checkpoint, validation(held_out.take(chosen), shape), listen
    )
    save_composer(training.best, training.critic, composer.path)
    curve.write_csv(pd.DataFrame(rows))
    written = [[moment["percent"], *note] for moment in heard for note in moment["notes"]]
    columns = [list(column) for column in zip(*written, strict=True)] or [[]] * 5
    progress.write(pa.table(columns, schema=progress.schema))
