"""Train the composer: a generator against a discriminator, on four-part passages."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from pydantic import Field
from torch import Tensor

from stages.core.checkpoint import Checkpoint
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output
from stages.core.params import Params
from stages.core.progress import progress
from stages.music.composer.networks import Discriminator, Generator, Shape, draw_noise, encode
from stages.music.composer.weights import save_composer
from stages.music.notes.pianoroll import REST, Roll, read_passages


class TrainComposerParams(Params):
    """The section `music.train_composer`."""

    bars: int = Field(ge=1)
    beats_per_bar: int = Field(ge=1)
    steps_per_beat: int = Field(ge=1)
    latent_size: int = Field(ge=1)
    channels: int = Field(ge=8, multiple_of=8)
    batch_size: int = Field(ge=2)
    critic_steps: int = Field(ge=1)
    gradient_penalty: float = Field(gt=0)
    learning_rate: float = Field(gt=0)
    rounds: int = Field(ge=1)
    rounds_per_checkpoint: int = Field(ge=1)
    seed: int


def shape_for(passages: Roll, params: TrainComposerParams) -> Shape:
    """Return the shape of the networks. The range of each part is its range in `passages`."""
    parts = [part[part != REST] for part in passages.pitches.transpose(1, 0, 2)]
    return Shape(
        bars=params.bars,
        beats_per_bar=params.beats_per_bar,
        steps_per_beat=params.steps_per_beat,
        lowest=tuple(int(part.min()) for part in parts),
        highest=tuple(int(part.max()) for part in parts),
        latent_size=params.latent_size,
        channels=params.channels,
    )


def train_round(
    generator: Generator,
    discriminator: Discriminator,
    optimizers: dict[str, torch.optim.Optimizer],
    music: Tensor,
    params: TrainComposerParams,
) -> dict[str, float]:
    """Train the discriminator for some steps and the generator for one, and return the losses.

    A Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1).

    Args:
        generator: network that maps noise to passages
        discriminator: network that scores passages
        optimizers: optimizers of both, under `generator` and `discriminator`
        music: real passages, (passages, rows, steps)
        params: parameters of the training
    """
    n = params.batch_size
    for _ in range(params.critic_steps):
        real = music[torch.randint(len(music), (n,))]
        with torch.no_grad():
            fake = generator(*draw_noise(n, generator.shape, None))
        mix = torch.rand(n, 1, 1)
        between = (mix * real + (1 - mix) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        distance = discriminator(real).mean() - discriminator(fake).mean()
        discriminator_loss = -distance + params.gradient_penalty * penalty
        optimizers["discriminator"].zero_grad()
        discriminator_loss.backward()
        optimizers["discriminator"].step()
    generator_loss = -discriminator(generator(*draw_noise(n, generator.shape, None))).mean()
    optimizers["generator"].zero_grad()
    generator_loss.backward()
    optimizers["generator"].step()
    return {
        "generator_loss": generator_loss.item(),
        "discriminator_loss": discriminator_loss.item(),
        "wasserstein_distance": distance.item(),
    }


def fit(
    music: Tensor, shape: Shape, params: TrainComposerParams, checkpoint: Checkpoint
) -> tuple[Generator, list[dict[str, Any]]]:
    """Train both networks; return the generator and the mean losses between checkpoints."""
    generator, discriminator = Generator(shape), Discriminator(shape)
    optimizers = {
        name: torch.optim.Adam(
            network.parameters(), params.learning_rate, betas=(0.5, 0.9), fused=True
        )
        for name, network in (("generator", generator), ("discriminator", discriminator))
    }
    parts = {
        "generator": generator,
        "discriminator": discriminator,
        "generator_optimizer": optimizers["generator"],
        "discriminator_optimizer": optimizers["discriminator"],
    }
    curve: list[dict[str, Any]] = checkpoint.restore(parts) or []
    done = curve[-1]["round"] if curve else 0
    losses = []
    rounds = range(done + 1, params.rounds + 1)
    for round_number in progress(rounds, "training the composer, rounds", len(rounds)):
        loss = train_round(generator, discriminator, optimizers, music, params)
        if not np.isfinite(list(loss.values())).all():
            raise StageError(
                f"the loss is {loss} in round {round_number}: lower {params.section}.learning_rate"
            )
        losses.append(loss)
        if round_number % params.rounds_per_checkpoint == 0 or round_number == params.rounds:
            mean = pd.DataFrame(losses).mean().to_dict()
            curve.append({"round": round_number, **mean})
            losses = []
            checkpoint.save(parts, curve)
    return generator, curve


@command
def main(
    *, params: TrainComposerParams, notes: Input, pieces: Input, composer: Output, curve: Output
) -> None:
    """Train the composer, a GAN on four-part passages.

    Args:
        curve: losses over the rounds
    """
    if (steps := params.beats_per_bar * params.steps_per_beat) & (steps - 1):
        raise StageError(
            f"{params.section}: beats_per_bar times steps_per_beat is {steps}, which is not a "
            "power of 2: change one of them"
        )

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(params.seed)
    known = pq.read_table(pieces).to_pandas()
    passages = read_passages(
        pq.read_table(notes).to_pandas(),
        known[known["split"] == "train"],
        params.bars,
        params.beats_per_bar,
        params.steps_per_beat,
    )
    if not len(passages.pitches):
        raise StageError(
            f"{pieces} has no passage of {params.bars} bars of {params.beats_per_bar} beats to "
            f"train on: lower {params.section}.bars or change {params.section}.beats_per_bar"
        )
    shape = shape_for(passages, params)
    checkpoint = Checkpoint(composer, params, [notes, pieces], Path(__file__))
    generator, losses = fit(encode(passages, shape), shape, params, checkpoint)
    save_composer(generator, composer.path)
    curve.write_csv(pd.DataFrame(losses))
