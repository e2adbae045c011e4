"""The networks of the player: a generator of notes from a latent and a pitch, and a critic."""

import itertools
import json
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stages.core.errors import StageError
from stages.music.player.representations import HARMONIC, SPECTROGRAM

# Notes of one timbre that the critic sees together, so that a latent is one timbre at all pitches.
TOGETHER = 2
# The critic also sees how much the examples of a group differ (Karras et al. 2018,
# arXiv:1710.10196, section 3), so that the generator does not make only a few timbres.
_GROUP = 8
# How finely the networks see the pitch. Curves change slowly with it. Spectrograms change with each
# semitone: with bumps of 6, fewer of their notes have the right pitch.
_PITCHES_PER_BUMP = {HARMONIC: 6, SPECTROGRAM: 2}
MIDI_PITCHES = 128


class Shape(NamedTuple):
    """Sizes of the networks, and the range of what they learned from.

    Attributes:
        representation: `harmonic` or `spectrogram`
        latent_size: numbers of a latent
        hidden_size: width of the layers
        components: principal components of what the generator emits
        pitches: lowest and highest pitch
        velocities: lowest and highest velocity
    """

    representation: str
    latent_size: int
    hidden_size: int
    components: int
    pitches: tuple[int, int]
    velocities: tuple[int, int]

    @property
    def bumps(self) -> Tensor:
        """Pitches in the middle of the bumps that tell the networks a pitch."""
        return torch.arange(0, MIDI_PITCHES, _PITCHES_PER_BUMP[self.representation])

    @property
    def told(self) -> int:
        """Number of the conditions of a note."""
        return 2 + len(self.bumps)

    def conditions(self, pitch_midi: Tensor, velocity: Tensor) -> Tensor:
        """Return pitches and velocities as inputs of the networks, (..., conditions).

        Pitches and velocities outside the range of the training count as its ends.
        """
        pitch = pitch_midi.clamp(*self.pitches).float()[..., None]
        middle = sum(self.velocities) / 2
        half = max(1.0, (self.velocities[1] - self.velocities[0]) / 2)
        loudness = (velocity.clamp(*self.velocities).float() - middle) / half
        apart = pitch - self.bumps.to(pitch.device)
        bumps = torch.exp(-((apart / _PITCHES_PER_BUMP[self.representation]) ** 2))
        return torch.cat([(pitch - 60) / 24, bumps, loudness[..., None]], dim=-1)


def _layers(*sizes: int) -> nn.Sequential:
    """Return layers with an activation after each."""
    layers = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


class Generator(nn.Module):
    """Make notes from latents.

    The last layer is a basis: the principal components of the real notes. In front of it, notes
    are `components` numbers, which both networks work with.

    Args:
        shape: sizes of the network
        values: numbers that describe a note
    """

    def __init__(self, shape: Shape, values: int):
        super().__init__()
        self.shape = shape
        hidden = shape.hidden_size
        self.layers = nn.Sequential(
            _layers(shape.latent_size + shape.told, hidden, hidden, hidden),
            nn.Linear(hidden, shape.components),
        )
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("basis", torch.zeros(shape.components, values))

    def fit_basis(self, notes: Tensor, whitening: float) -> None:
        """Make the last layer the principal components of notes, (notes, values).

        Args:
            notes: real notes
            whitening: 1 gives all components the same variance, 0 keeps theirs
        """
        self.mean.copy_(notes.mean(0))
        centred = (notes - self.mean).double()
        # There are fewer notes than values, so the components are found among the notes.
        squares, shares = torch.linalg.eigh(centred @ centred.T)
        last = slice(-self.shape.components, None)
        sizes = squares[last].flip(0).clamp(min=1e-9).sqrt()
        axes = (centred.T @ shares[:, last].flip(1) / sizes).T  # (components, values)
        deviations = sizes / len(notes) ** 0.5
        scales = deviations**whitening * deviations[0] ** (1 - whitening)
        self.basis.copy_(axes * scales[:, None])

    def project(self, notes: Tensor) -> Tensor:
        """Return the components, (notes, components), of notes, (notes, values)."""
        return (notes - self.mean) @ self.basis.T / self.basis.square().sum(1)

    def forward(self, latents: Tensor, conditions: Tensor) -> Tensor:
        """Return the components of notes, (..., components)."""
        return self.layers(torch.cat([latents, conditions], dim=-1))

    def values(self, components: Tensor) -> Tensor:
        """Return the values of notes, (notes, values)."""
        return self.mean + components @ self.basis


class Critic(nn.Module):
    """Score notes of one timbre: high for real ones."""

    def __init__(self, shape: Shape):
        super().__init__()
        hidden = shape.hidden_size
        self.first = _layers(TOGETHER * (shape.components + shape.told), hidden, hidden)
        self.last = nn.Sequential(_layers(hidden + 1, hidden), nn.Linear(hidden, 1))

    def forward(self, components: Tensor, conditions: Tensor) -> Tensor:
        """Return a score of each example, (examples,).

        Args:
            components: components of the notes of each example, (examples, TOGETHER, components)
            conditions: their pitch and velocity, (examples, TOGETHER, conditions)
        """
        hidden = self.first(torch.cat([components, conditions], dim=-1).flatten(1))
        groups = hidden.unflatten(0, (-1, _GROUP))
        spread = (groups.var(1, unbiased=False) + 1e-6).sqrt().mean(1)
        spread = spread.repeat_interleave(_GROUP)[:, None]
        return self.last(torch.cat([hidden, spread], dim=1))[:, 0]


def pitch_classifier(shape: Shape) -> nn.Sequential:
    """Return a network from the components of notes to the logits of their pitches."""
    hidden = shape.hidden_size
    return nn.Sequential(_layers(shape.components, hidden, hidden), nn.Linear(hidden, MIDI_PITCHES))


def save_player(generator: Generator, path: Path) -> None:
    """Write the weights of a generator and its shape."""
    weights = {key: value.cpu().contiguous() for key, value in generator.state_dict().items()}
    save_file(weights, path, {"shape": json.dumps(generator.shape._asdict())})


def read_player(path: Path) -> Generator:
    """Return the generator that `save_player` wrote."""
    with safe_open(path, "pt") as file:
        values = json.loads(file.metadata()["shape"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    shape = Shape(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    generator = Generator(shape, len(weights["mean"])).eval()
    generator.load_state_dict(weights)
    return generator


def read_harmonic_player(path: Path) -> Generator:
    """Return the generator of curves that `save_player` wrote.

    Raises:
        StageError: it makes spectrograms, whose length is fixed.
    """
    generator = read_player(path)
    if generator.shape.representation != HARMONIC:
        raise StageError(f"{path} makes notes of a fixed length: give the harmonic player")
    return generator
