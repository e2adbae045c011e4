"""Passages and pieces drawn from the generator, of which the critic chooses."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stages.music.composer.networks import Critic, Generator, Shape, conditions, decode, phrase_ends
from stages.music.notes.keys import tonics_of
from stages.music.notes.pianoroll import Passages, Roll, ends_on

# Added to the score of a draft that ends on the tonic; far more than scores differ.
_PREFERENCE = 100.0


def told_of(passages: Passages, shape: Shape) -> Tensor:
    """Return the conditions of passages, (passages, conditions, steps)."""
    ends = phrase_ends(passages.roll, shape.grid.steps_per_bar)
    return conditions(
        shape,
        passages.minor,
        passages.bar,
        passages.bars_left,
        passages.closing_steps,
        ends,
    )


def draw(
    generator: Generator,
    critic: Critic,
    told: Tensor,
    temperature: float,
    drafts: int,
    random: torch.Generator,
    before: Tensor | None = None,
    melody: Tensor | None = None,
    tonics: Tensor | None = None,
) -> Tensor:
    """Return choices, (batch, parts, steps): of some drafts each, the critic chooses one.

    It chooses with probabilities in proportion to the exponential of its score. With the
    non-saturating loss that is the ratio of the densities of real and drawn passages, so that the
    choice corrects the generator (sampling with importance resampling; Azadi et al. 2019,
    arXiv:1810.06758, use the ratio to reject).

    Args:
        generator: writes the drafts
        critic: scores them
        told: conditions of all steps, (batch, conditions, steps)
        temperature: as in `Generator.draw`
        drafts: number of drafts
        random: source of the draws
        before: choices of the first steps, (batch, parts, steps before)
        melody: choices of the highest part at all steps, (batch, steps)
        tonics: pitch class that the lowest part should end on, (batch,): drafts that do are
            preferred to those that do not
    """

    def repeated(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.repeat_interleave(drafts, dim=0)

    many = repeated(told)
    noise = torch.randn(len(many), generator.shape.latent_size, generator=random)
    choices = generator.draw(
        many, noise, temperature, random, repeated(before), repeated(melody)
    )  # (batch * drafts, parts, steps)
    steps = generator.shape.grid.steps  # of a passage, which the critic sees without the context
    if drafts == 1 or choices.shape[2] < steps:
        return choices[::drafts]
    own = functional.one_hot(choices[:, :, -steps:], generator.shape.choices).float()
    with torch.no_grad():
        scores = critic(own, many[:, :, -steps:]).view(-1, drafts)
    if tonics is not None:
        ends = ends_on(decode(choices, generator.shape), repeated(tonics).numpy())
        scores = scores + _PREFERENCE * torch.from_numpy(ends).view(-1, drafts)
    chosen = torch.multinomial(scores.softmax(1), 1, generator=random)[:, 0]
    return choices[torch.arange(len(told)) * drafts + chosen]


def write(
    generator: Generator,
    critic: Critic,
    told: Tensor,
    temperature: float,
    drafts: int,
    random: torch.Generator,
    minor: np.ndarray,
    melody: Tensor | None = None,
) -> Roll:
    """Return whole pieces, (pieces, parts, steps), passage by passage.

    Each passage is written on the last bars of the one before it. The last one overlaps with the
    one before if the pieces are not a multiple of it; of its drafts, those are preferred whose
    lowest part ends on the tonic.

    Args:
        generator: writes the drafts
        critic: chooses among them
        told: conditions of all steps, (pieces, conditions, steps)
        temperature: as in `Generator.draw`
        drafts: drafts of each passage
        random: source of the draws
        minor: whether each piece is in A minor and not in C major, (pieces,)
        melody: choices of the highest part at all steps, (pieces, steps)
    """
    tonics = torch.from_numpy(tonics_of(minor))
    shape, total = generator.shape, told.shape[2]
    context = shape.context_bars * shape.grid.steps_per_bar
    done = torch.zeros(len(told), shape.grid.parts, 0, dtype=torch.long)
    while (written := done.shape[2]) < total:
        stop = min(written + shape.grid.steps, total)
        first = max(0, min(written - context, stop - shape.grid.steps))
        passage = draw(
            generator,
            critic,
            told[:, :, first:stop],
            temperature,
            drafts,
            random,
            done[:, :, first:],
            None if melody is None else melody[:, first:stop],
            tonics if stop == total else None,
        )
        done = torch.cat([done, passage[:, :, written - first :]], dim=2)
    return decode(done, shape)


def plan(shape: Shape, minor: np.ndarray, bars: int, closing_steps: int) -> Tensor:
    """Return the conditions of pieces of some bars, in which each passage ends a phrase.

    Args:
        shape: sizes of the networks
        minor: whether each piece is in minor, (pieces,)
        bars: bars of a piece
        closing_steps: steps of the last note of the lowest part
    """
    number = np.arange(1, bars + 1)
    ends = np.broadcast_to((number % shape.grid.bars == 0) | (number == bars), (len(minor), bars))
    start = np.zeros(len(minor), dtype=int)
    closing = np.full(len(minor), closing_steps)
    return conditions(shape, minor, start, start, closing, ends)
