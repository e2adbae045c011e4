"""Batches of sequences: their order in an epoch, padding and its mask."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn


def shuffle(n: int, batch_size: int, seed: int, epoch: int) -> Iterator[Tensor]:
    """Yield the indices of batches of sequences of equal length, in another order every epoch.

    Args:
        n: number of sequences
        batch_size: sequences in a batch
        seed: seed of all epochs
        epoch: number of the epoch

    Yields:
        Indices of sequences, (batch,)
    """
    order = np.random.default_rng([seed, epoch]).permutation(n)
    yield from torch.from_numpy(order).split(batch_size)


def bucket_by_length(
    lengths: Sequence[int], batch_size: int, seed: int, epoch: int
) -> Iterator[list[int]]:
    """Yield the indices of batches of sequences of similar length, which need little padding.

    Sequences are sorted by their lengths, blurred by up to a tenth, and the batches are shuffled.
    Both differ from epoch to epoch.

    Args:
        lengths: steps of each sequence
        batch_size: sequences in a batch
        seed: seed of all epochs
        epoch: number of the epoch

    Yields:
        Indices of sequences
    """
    random = np.random.default_rng([seed, epoch])
    blurred = np.asarray(lengths) * random.uniform(0.9, 1.1, len(lengths))
    order = np.argsort(blurred, kind="stable").tolist()
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    yield from (batches[index] for index in random.permutation(len(batches)))


def pad(sequences: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return sequences as one batch, (time, batch, ...), zeros at their ends, and their lengths."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return nn.utils.rnn.pad_sequence(list(sequences)), lengths


def sequence_mask(time: int, lengths: Tensor) -> Tensor:
    """Return, as (time, batch), which steps belong to their sequence and are not padding."""
    return torch.arange(time, device=lengths.device).unsqueeze(1) < lengths
