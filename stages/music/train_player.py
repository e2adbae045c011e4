"""Train the player: a generator of single notes, whose latents are timbres, and a critic."""

import base64
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
from torch.optim.swa_utils import AveragedModel

from stages.core.checkpoint import Checkpoint
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.products import use_openblas
from stages.core.progress import progress as shown
from stages.music.adversarial.device import Device, find_device
from stages.music.adversarial.losses import Loss, critic_loss, generator_loss
from stages.music.contracts import HEARD
from stages.music.player import flac
from stages.music.player.curves import SAMPLE_RATE_HZ
from stages.music.player.networks import (
    TOGETHER,
    Critic,
    Generator,
    Shape,
    pitch_classifier,
    save_player,
)
from stages.music.player.representations import SPECTROGRAM, check_representation
from stages.music.player.vectors import sound_of, vectors_of
from stages.music.scores.frechet import frechet_distance

# What the player sounds like is kept after these shares of its rounds, in percent.
HEARD_AFTER = (1, 10, 50, 100)
# Pitches of the training that are nearest to these are heard.
HEARD_PITCHES, HEARD_LATENTS, HEARD_SECONDS = (48, 60, 67, 76), 3, 0.75
# Seed of the draws that are the same at each validation and for all that is heard.
DRAWING_SEED = 0
# Latents that are drawn for each validation note, and components that are compared.
LATENTS_A_NOTE, COMPARED = 4, 40
# The components get variances between equal ones (1) and their own (0).
WHITENING = 0.5
BETAS = (0.0, 0.99)
LAST_LEARNING_RATE = 0.05  # as a share of the first
# The penalty takes as long as the rest, and changes slowly (Karras et al. 2020, arXiv:1912.04958,
# section 3.1).
ROUNDS_PER_PENALTY = 4


class TrainPlayerParams(Params):
    """The section `music.train_player`."""

    latent_size: int = Field(ge=1)
    hidden_size: int = Field(ge=2)
    components: int = Field(ge=2)
    batch_size: int = Field(ge=8, multiple_of=8)
    learning_rate: float = Field(gt=0)
    rounds: int = Field(ge=2)
    loss: Loss
    gradient_penalty: float = Field(ge=0)
    averaging: float = Field(ge=0, lt=1)
    rounds_per_checkpoint: int = Field(ge=1)
    device: Device
    seed: int


class Notes(NamedTuple):
    """Real notes.

    Attributes:
        components: what the generator should emit for them, (notes, components)
        conditions: their pitch and velocity as inputs of the networks, (notes, conditions)
        pitch_midi: their pitch, (notes,)
        timbre: number of the timbre of each, in order, (notes,)
    """

    components: Tensor
    conditions: Tensor
    pitch_midi: Tensor
    timbre: Tensor

    def together(self, n: int) -> Tensor:
        """Draw the places of `n` groups of notes, each of one timbre, (n, TOGETHER)."""
        first = torch.searchsorted(self.timbre, torch.arange(int(self.timbre[-1]) + 1))
        ends = torch.cat([first[1:], torch.tensor([len(self.timbre)])])
        timbre = torch.randint(len(first), (n, 1))
        share = torch.rand(n, TOGETHER)
        return first[timbre] + (share * (ends - first)[timbre]).long()


class Training:
    """Both networks, their optimizers, and the best generator so far.

    Attributes:
        parts: what a checkpoint contains
    """

    def __init__(self, generator: Generator, params: TrainPlayerParams, device: torch.device):
        self.params, self.device = params, device
        self.generator = generator.to(device)
        self.critic = Critic(generator.shape).to(device)
        # Curves have no pitch of their own. A spectrogram has, and a classifier tells the generator
        # what pitch its notes have (Odena et al. 2017, arXiv:1610.09585). Without it, after 3,000
        # rounds, 92 instead of 98 % of the pitches of the training are right.
        self.classifier = (
            pitch_classifier(generator.shape).to(device)
            if generator.shape.representation == SPECTROGRAM
            else None
        )
        # Averaged weights make better examples than the last ones (Karras et al. 2018).
        self.average = AveragedModel(generator, avg_fn=self._toward, use_buffers=False)
        self.best = copy.deepcopy(generator)
        judges = [self.critic] if self.classifier is None else [self.critic, self.classifier]
        self.optimizer, self.critic_optimizer = (
            torch.optim.Adam(
                [weights for network in networks for weights in network.parameters()],
                params.learning_rate,
                BETAS,
                fused=True,
            )
            for networks in ([self.generator], judges)
        )
        self.parts = {
            "generator": self.generator,
            "critic": self.critic,
            "average": self.average,
            "best": self.best,
            "optimizer": self.optimizer,
            "critic_optimizer": self.critic_optimizer,
        }
        if self.classifier is not None:
            self.parts["classifier"] = self.classifier

    def set_learning_rate(self, number: int) -> None:
        """Lower the learning rate of both networks in the second half of the rounds."""
        left = 1 - number / self.params.rounds
        for optimizer in (self.optimizer, self.critic_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = self.params.learning_rate * min(
                    1.0, max(LAST_LEARNING_RATE, 2 * left)
                )

    def round(self, notes: Notes, number: int) -> dict[str, float]:
        """Train the critic and then the generator for a step, and return their losses."""
        is_penalized = number % ROUNDS_PER_PENALTY == 0
        n = self.params.batch_size
        real = notes.together(n)
        told = notes.conditions[real]
        loss, distance = critic_loss(
            lambda examples: self.critic(examples, told),
            notes.components[real],
            self._draw(told).detach(),
            self.params.loss,
            ROUNDS_PER_PENALTY * self.params.gradient_penalty if is_penalized else 0.0,
        )
        pitch_loss = self._pitch_loss(notes.components[real], notes.pitch_midi[real])
        self.critic_optimizer.zero_grad()
        (loss + pitch_loss).backward()
        self.critic_optimizer.step()
        asked = notes.together(n)
        told = notes.conditions[asked]
        drawn = self._draw(told)
        against = generator_loss(self.critic(drawn, told), self.params.loss)
        self.optimizer.zero_grad()
        (against + self._pitch_loss(drawn, notes.pitch_midi[asked])).backward()
        self.optimizer.step()
        self.average.update_parameters(self.generator)
        return {
            "generator_loss": against.item(),
            "critic_loss": loss.item(),
            "critic_distance": distance,
        }

    def _pitch_loss(self, components: Tensor, pitch_midi: Tensor) -> Tensor | float:
        """Return the cross-entropy of the pitches of groups of notes, 0 without a classifier."""
        if self.classifier is None:
            return 0.0
        return functional.cross_entropy(
            self.classifier(components.flatten(0, 1)), pitch_midi.flatten()
        )

    def _toward(self, averaged: Tensor, current: Tensor, rounds: Tensor) -> Tensor:
        """Return an average that is a step nearer to the current weights, at first a long one."""
        kept = min(self.params.averaging, float((1 + rounds) / (10 + rounds)))
        return torch.lerp(averaged, current, 1 - kept)

    def _draw(self, told: Tensor) -> Tensor:
        """Return components of groups of notes, each with one latent, given their conditions."""
        latents = torch.randn(len(told), 1, self.params.latent_size).to(self.device)
        return self.generator(latents.expand(-1, TOGETHER, -1), told)


def fit(
    notes: Notes,
    generator: Generator,
    params: TrainPlayerParams,
    checkpoint: Checkpoint,
    validate: Callable[[Generator], float],
    listen: Callable[[Generator], bytes],
) -> tuple[Generator, list[dict[str, Any]], list[dict[str, Any]]]:
    """Train both networks.

    Args:
        notes: real notes to learn from
        generator: the generator before the first round
        params: parameters of the training
        checkpoint: from which a killed run resumes
        validate: returns a distance of a generator's notes from real ones, which chooses
        listen: returns the sound of notes of a generator

    Returns:
        The generator with the least distance; mean losses and the distance at checkpoints; and the
        sound after shares of the rounds, with the percentage
    """
    training = Training(generator, params, find_device(params.device, params.section))
    notes = Notes(*(tensor.to(training.device) for tensor in notes[:3]), notes.timbre)
    reached = checkpoint.restore(training.parts) or {"curve": [], "heard": []}
    curve, heard = reached["curve"], reached["heard"]
    losses: list[dict[str, float]] = []
    rounds = range((curve[-1]["round"] if curve else 0) + 1, params.rounds + 1)
    moments = {max(1, round(params.rounds * share / 100)): share for share in HEARD_AFTER}
    for number in shown(rounds, "training the player, rounds", len(rounds)):
        training.set_learning_rate(number)
        loss = training.round(notes, number)
        if not np.isfinite(list(loss.values())).all():
            raise StageError(
                f"the loss is {loss} in round {number}: lower {params.section}.learning_rate"
            )
        losses.append(loss)
        average = training.average.module
        if number in moments:
            sound = base64.b64encode(listen(average)).decode("ascii")
            heard.append({"percent": moments[number], "flac": sound})
        if number % params.rounds_per_checkpoint == 0 or number == params.rounds:
            distance = validate(average)
            if distance < min((row["validation_distance"] for row in curve), default=np.inf):
                training.best.load_state_dict(average.state_dict())
            mean = pd.DataFrame(losses).mean().to_dict()
            curve.append({"round": number, **mean, "validation_distance": distance})
            losses = []
            checkpoint.save(training.parts, {"curve": curve, "heard": heard})
    return training.best, curve, heard


def validation(real: Tensor, conditions: Tensor, latent_size: int) -> Callable[[Generator], float]:
    """Return the Frechet distance of a generator's notes from real ones, in their components.

    Args:
        real: components of held-out notes, (notes, components)
        conditions: their conditions; the generator's notes have the same
        latent_size: numbers of a latent
    """
    random = torch.Generator().manual_seed(DRAWING_SEED)
    latents = torch.randn(LATENTS_A_NOTE * len(real), latent_size, generator=random)
    told = conditions.repeat(LATENTS_A_NOTE, 1)

    def distance(generator: Generator) -> float:
        with torch.no_grad():
            drawn = copy.deepcopy(generator).cpu()(latents, told)
        points = [part[:, :COMPARED].double().numpy() for part in (real, drawn)]
        return float(frechet_distance(*points, *(np.ones((1, len(own))) for own in points))[0])

    return distance


def listen(generator: Generator, pitches: list[int]) -> bytes:
    """Return the sound of a few pitches in the same few timbres, as FLAC."""
    random = torch.Generator().manual_seed(DRAWING_SEED)
    latents = torch.randn(HEARD_LATENTS, generator.shape.latent_size, generator=random)
    pitch = torch.tensor(pitches).repeat(HEARD_LATENTS)
    told = generator.shape.conditions(pitch, torch.full_like(pitch, generator.shape.velocities[1]))
    with torch.no_grad():
        own = copy.deepcopy(generator).cpu()
        notes = own.values(own(latents.repeat_interleave(len(pitches), 0), told))
    sounds = sound_of(generator.shape.representation, notes, pitch.numpy(), DRAWING_SEED)
    sound = sounds[:, : round(HEARD_SECONDS * SAMPLE_RATE_HZ)].flatten()
    return flac.encode(sound / max(1.0, np.abs(sound).max()))


def check(*, representation: str) -> None:
    """Check that the representation is known."""
    check_representation(representation)


@command
def main(
    *,
    params: TrainPlayerParams,
    representation: str,
    sounds: Input,
    curves: Input,
    player: Output,
    heard: Table[HEARD],
    curve: Output,
) -> None:
    """Train the player, a GAN on single notes.

    Args:
        representation: what a note is to its networks; music.representations lists them
        curves: curves of the notes in `sounds`
        heard: what it sounds like after shares of its rounds
        curve: losses and validation scores over the rounds
    """
    check(representation=representation)
    use_openblas()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(params.seed)
    columns = ["split", "timbre", "is_new_timbre", "pitch_midi", "velocity", "flac"]
    rows = pq.read_table(sounds, columns=columns).to_pandas()
    known = rows[~rows["is_new_timbre"]].sort_values("timbre", kind="stable")
    train, held_out = (known[known["split"] == split] for split in ("train", "validation"))
    vectors, held_out_vectors = (
        vectors_of(representation, part, curves) for part in (train, held_out)
    )
    shape = Shape(
        representation,
        params.latent_size,
        params.hidden_size,
        min(params.components, len(train)),
        (int(train["pitch_midi"].min()), int(train["pitch_midi"].max())),
        (int(train["velocity"].min()), int(train["velocity"].max())),
    )
    generator = Generator(shape, vectors.shape[1])
    generator.fit_basis(vectors, WHITENING)

    def told(part: pd.DataFrame, notes: Tensor) -> tuple[Tensor, Tensor]:
        pitch, velocity = (
            torch.tensor(part[name].to_numpy()) for name in ("pitch_midi", "velocity")
        )
        return generator.project(notes), shape.conditions(pitch, velocity)

    timbre = torch.from_numpy(pd.factorize(train["timbre"])[0])
    pitches = train["pitch_midi"].unique().tolist()
    near = [min(pitches, key=lambda own, pitch=pitch: abs(own - pitch)) for pitch in HEARD_PITCHES]
    best, rounds, moments = fit(
        Notes(
            *told(train, vectors), torch.from_numpy(train["pitch_midi"].to_numpy(np.int64)), timbre
        ),
        generator,
        params,
        Checkpoint(player, params, [sounds, curves], Path(__file__)),
        validation(*told(held_out, held_out_vectors), params.latent_size),
        lambda generator: listen(generator, near),
    )
    save_player(best, player.path)
    curve.write_csv(pd.DataFrame(rounds))
    listened = [{**moment, "flac": base64.b64decode(moment["flac"])} for moment in moments]
    heard.write(pa.Table.from_pylist(listened, schema=heard.schema))
