"""The networks of the composer: a generator of four-part passages, and a discriminator."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from stages.music.contracts import PARTS
from stages.music.notes.pianoroll import REST, Roll


class Shape(NamedTuple):
    """The sizes that the networks are built from.

    Attributes:
        bars: bars in a passage
        beats_per_bar: quarter notes in a bar
        steps_per_beat: steps of the piano-roll in a quarter note
        lowest: lowest MIDI pitch of each part, (parts,)
        highest: highest MIDI pitch of each part, (parts,)
        latent_size: size of the noise that a passage is generated from
        channels: width of the networks
    """

    bars: int
    beats_per_bar: int
    steps_per_beat: int
    lowest: tuple[int, ...]
    highest: tuple[int, ...]
    latent_size: int
    channels: int

    @property
    def steps(self) -> int:
        """Steps in a passage."""
        return self.bars * self.beats_per_bar * self.steps_per_beat

    @property
    def classes(self) -> list[int]:
        """Choices of each part at each step: rest, then its pitches from low to high."""
        return [high - low + 2 for low, high in zip(self.lowest, self.highest, strict=True)]

    @property
    def rows(self) -> int:
        """Height of an encoded passage: the choices of all parts, and an onset for each."""
        return sum(self.classes) + len(PARTS)


def encode(roll: Roll, shape: Shape) -> Tensor:
    """Return passages as zeros and ones, (passages, rows, steps)."""
    blocks = []
    for part, (low, n) in enumerate(zip(shape.lowest, shape.classes, strict=True)):
        pitches = roll.pitches[:, part]
        chosen = np.where(pitches == REST, 0, pitches - low + 1)
        blocks.append(np.eye(n, dtype=np.float32)[chosen].transpose(0, 2, 1))
    blocks.append(roll.onsets.astype(np.float32))
    return torch.from_numpy(np.concatenate(blocks, axis=1))


def decode(passages: Tensor, shape: Shape) -> Roll:
    """Return the passages that `encode` encoded; among fractions, the largest is the choice."""
    blocks = passages.numpy()
    pitches, start = [], 0
    for low, n in zip(shape.lowest, shape.classes, strict=True):
        chosen = blocks[:, start : start + n].argmax(axis=1)
        pitches.append(np.where(chosen == 0, REST, chosen - 1 + low))
        start += n
    sounding = np.stack(pitches, axis=1)
    return Roll(sounding, (blocks[:, start:] > 0.5) & (sounding != REST))


class Generator(nn.Module):
    """Map normal noise to passages: sketch bars, refine them by transposed convolutions in time.

    Choices are drawn by the straight-through Gumbel-softmax (Jang et al. 2017, arXiv:1611.01144):
    the discriminator sees zeros and ones, as in real music, and a gradient still flows.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        # Upsampling from one step per bar to all of them.
        strides = [2] * (shape.beats_per_bar * shape.steps_per_beat).bit_length()
        strides = strides[:-1]
        width = shape.channels
        self.sketch = nn.Linear(shape.latent_size, width * shape.bars)
        layers: list[nn.Module] = []
        for stride in strides:
            layers += [
                nn.ConvTranspose1d(width, width, 2 * stride, stride, stride // 2),
                nn.GroupNorm(8, width),
                nn.LeakyReLU(0.2),
                nn.Conv1d(width, width, 3, padding=1),
                nn.LeakyReLU(0.2),
            ]
        self.refine = nn.Sequential(*layers)
        self.choices = nn.Conv1d(width, shape.rows, 1)

    def forward(self, noise: Tensor, gumbel: Tensor) -> Tensor:
        """Return passages of zeros and ones, (batch, rows, steps).

        Args:
            noise: standard normal noise, (batch, latent_size)
            gumbel: noise of the choices as `draw_noise` draws it, (batch, rows, steps)
        """
        bars = self.sketch(noise).view(len(noise), -1, self.shape.bars)  # (batch, width, bars)
        logits = self.choices(self.refine(bars))  # (batch, rows, steps)
        start, blocks = 0, []
        for n in self.shape.classes:
            block = logits[:, start : start + n] + gumbel[:, start : start + n]
            soft = block.softmax(1)
            hard = torch.zeros_like(soft).scatter_(1, soft.argmax(1, keepdim=True), 1.0)
            blocks.append(hard + soft - soft.detach())
            start += n
        onset = (logits[:, start:] + gumbel[:, start:]).sigmoid()
        blocks.append((onset > 0.5).float() + onset - onset.detach())
        return torch.cat(blocks, dim=1)


class Discriminator(nn.Module):
    """Map passages to scores: the higher, the more real a passage seems."""

    def __init__(self, shape: Shape):
        super().__init__()
        width = shape.channels
        strides = (shape.beats_per_bar * shape.steps_per_beat).bit_length() - 1
        layers: list[nn.Module] = [nn.Conv1d(shape.rows, width, 1), nn.LeakyReLU(0.2)]
        for _ in range(strides):
            layers += [nn.Conv1d(width, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * shape.bars, 1))

    def forward(self, passages: Tensor) -> Tensor:
        """Return the scores, (batch,), of passages, (batch, rows, steps)."""
        return self.layers(passages).squeeze(1)


def draw_noise(n: int, shape: Shape, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Return the two inputs of `Generator` for `n` passages: normal and Gumbel noise."""
    noise = torch.randn(n, shape.latent_size, generator=generator)
    uniform = torch.rand(n, shape.rows, shape.steps, generator=generator).clamp(1e-6, 1 - 1e-6)
    gumbel = -(-uniform.log()).log()
    # The onsets are drawn by a sigmoid, whose noise is the difference of two Gumbel noises.
    onset = uniform[:, -len(PARTS) :]
    gumbel[:, -len(PARTS) :] = onset.log() - (1 - onset).log()
    return noise, gumbel
