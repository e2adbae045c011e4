"""Sequences of unequal lengths in one batch."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn


def similar_lengths(
    lengths: Sequence[int], batch_size: int, seed: int, epoch: int
) -> Iterator[list[int]]:
    """Yield the places of sequences about as long as each other, `batch_size` at once.

    So that little is padded. Lengths are blurred by up to a tenth and the batches are shuffled,
    both in the epoch's own way.
    """
    random = np.random.default_rng([seed, epoch])
    blurred = np.asarray(lengths) * random.uniform(0.9, 1.1, len(lengths))
    order = np.argsort(blurred, kind="stable").tolist()
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    yield from (batches[place] for place in random.permutation(len(batches)))


def pad(sequences: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the sequences side by side, (time, batch, ...), zeros behind, and their lengths."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return nn.utils.rnn.pad_sequence(list(sequences)), lengths


def inside(time: int, lengths: Tensor) -> Tensor:
    """Return whether each step belongs to its sequence or is padding, of shape (time, batch)."""
    return torch.arange(time, device=lengths.device).unsqueeze(1) < lengths
