"""Train the composer: a generator against a discriminator, on four-part passages."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from pydantic import Field
from torch import Tensor

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.core.outputs import Outputs
from stages.core.params import Params, load
from stages.core.progress import progress
from stages.music.composer import (
    Discriminator,
    Generator,
    Shape,
    draw_noise,
    encode,
    save_composer,
)
from stages.music.pianoroll import REST, Roll, read_passages


class ComposerParams(Params):
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


def shape_for(passages: Roll, params: ComposerParams) -> Shape:
    """Return the networks' shape: each part ranges over the pitches that it has in `passages`."""
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
    params: ComposerParams,
) -> dict[str, float]:
    """Train the discriminator for some steps and the generator for one; return their losses.

    A Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1).

    Args:
        generator: makes passages from noise.
        discriminator: judges passages.
        optimizers: of both, under `generator` and `discriminator`.
        music: real passages, of shape (passages, rows, steps).
        params: the parameters of the training.
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
    music: Tensor, shape: Shape, params: ComposerParams, checkpoint: Checkpoint
) -> tuple[Generator, list[dict[str, Any]]]:
    """Train both networks and return the generator and the mean losses between checkpoints."""
    generator, discriminator = Generator(shape), Discriminator(shape)
    optimizers = {
        name: torch.optim.Adam(network.parameters(), params.learning_rate, betas=(0.5, 0.9))
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
    for number in progress(rounds, "training the composer, rounds", len(rounds)):
        loss = train_round(generator, discriminator, optimizers, music, params)
        if not np.isfinite(list(loss.values())).all():
            raise StageError(f"the loss is {loss} in round {number}: lower learning_rate")
        losses.append(loss)
        if number % params.rounds_per_checkpoint == 0 or number == params.rounds:
            mean = pd.DataFrame(losses).mean().to_dict()
            curve.append({"round": number, **mean})
            losses = []
            checkpoint.save(parts, curve)
    return generator, curve


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, train, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notes", type=Path)
    parser.add_argument("pieces", type=Path)
    parser.add_argument("composer", type=Path)
    parser.add_argument("curve", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, ComposerParams)
    if (steps := params.beats_per_bar * params.steps_per_beat) & (steps - 1):
        raise StageError(
            f"{args.params}: beats_per_bar times steps_per_beat is {steps}, which is no power of 2"
        )

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(params.seed)
    pieces = pq.read_table(args.pieces).to_pandas()
    passages = read_passages(
        pq.read_table(args.notes).to_pandas(),
        pieces[pieces["split"] == "train"],
        params.bars,
        params.beats_per_bar,
        params.steps_per_beat,
    )
    if not len(passages.pitches):
        raise StageError(
            f"{args.pieces} has no passage of {params.bars} bars of {params.beats_per_bar} beats "
            "to train on: lower bars or change beats_per_bar"
        )
    shape = shape_for(passages, params)
    checkpoint = Checkpoint(args.composer, params, [args.notes, args.pieces], Path(__file__).parent)
    generator, curve = fit(encode(passages, shape), shape, params, checkpoint)
    with Outputs() as outputs:
        save_composer(generator, outputs.aside(args.composer))
        pd.DataFrame(curve).to_csv(outputs.aside(args.curve), index=False)
    checkpoint.remove()
