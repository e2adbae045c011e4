"""The Frechet distance of passages in the features of a classifier of real and shuffled music.

Heusel et al. 2017 (arXiv:1706.08500) compare images so, in the features of a classifier of images.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.music.composer.networks import Shape, encode, rows_of_choices
from stages.music.notes.pianoroll import Roll

FEATURES, WIDTH = 16, 64
BATCH, STEPS, LEARNING_RATE = 64, 400, 0.002


class Judge(nn.Module):
    """Tell real passages from shuffled ones."""

    def __init__(self, shape: Shape):
        super().__init__()
        per_bar = shape.grid.parts * shape.rows * shape.grid.steps_per_bar
        self.shape = shape
        self.bar = nn.Linear(per_bar, WIDTH)
        self.passage = nn.Linear(shape.grid.bars * WIDTH, FEATURES)
        self.out = nn.Linear(FEATURES, 1)
        self.register_buffer("rows", rows_of_choices(shape), persistent=False)

    def features(self, choices: Tensor) -> Tensor:
        """Return features, (batch, FEATURES), of choices, (batch, parts, steps)."""
        rows = self.rows[choices].transpose(1, 2)  # (batch, steps, parts, rows)
        bars = rows.flatten(1).unflatten(1, (self.shape.grid.bars, -1))
        inner = functional.leaky_relu(self.bar(bars), 0.2).flatten(1)
        return torch.tanh(self.passage(inner))


def shuffled(choices: Tensor, steps_per_bar: int) -> Tensor:
    """Return passages whose bars and parts come from different passages, each bar at its place."""
    n, parts, _ = choices.shape
    bars = choices.unflatten(2, (-1, steps_per_bar))  # (passages, parts, bars, steps)
    order = torch.argsort(torch.rand(n, parts, bars.shape[2]), dim=0)
    index = order[..., None].expand_as(bars)
    return bars.gather(0, index).flatten(2)


def train_judge(training: Roll, shape: Shape, seed: int) -> Callable[[Roll], np.ndarray]:
    """Train a classifier of real against shuffled passages.

    Returns:
        A function from passages to their features, (passages, FEATURES)
    """
    torch.manual_seed(seed)
    judge, choices = Judge(shape), encode(training, shape)
    optimizer = torch.optim.Adam(judge.parameters(), LEARNING_RATE, fused=True)
    for _ in range(STEPS):
        real = choices[torch.randint(len(choices), (BATCH,))]
        both = torch.cat([real, shuffled(real, shape.grid.steps_per_bar)])
        is_real = (torch.arange(len(both)) < BATCH).float()
        score = judge.out(judge.features(both))[:, 0]
        loss = functional.binary_cross_entropy_with_logits(score, is_real)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def features(roll: Roll) -> np.ndarray:
        with torch.no_grad():
            return judge.features(encode(roll, shape)).double().numpy()

    return features


def frechet_distance(
    one: np.ndarray, other: np.ndarray, one_counts: np.ndarray, other_counts: np.ndarray
) -> np.ndarray:
    """Return the squared distance of two normal distributions with the same moments, (samples,).

    Args:
        one: features of passages, (passages, features)
        other: those of others
        one_counts: how often each passage occurs in each sample, (samples, passages)
        other_counts: those of the others
    """
    means, covariances = zip(
        *(_moments(one, one_counts), _moments(other, other_counts)), strict=True
    )
    # The trace of the root of a product of covariances is the sum of the roots of its eigenvalues.
    eigenvalues = np.linalg.eigvals(covariances[0] @ covariances[1]).real
    roots = np.sqrt(np.maximum(eigenvalues, 0)).sum(1)
    apart = np.square(means[0] - means[1]).sum(1)
    traces = np.trace(covariances[0] + covariances[1], axis1=1, axis2=2)
    return np.maximum(0, apart + traces - 2 * roots)


def _moments(points: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the covariance of points in each sample.

    Args:
        points: points, (passages, features)
        counts: how often each occurs, (samples, passages)

    Returns:
        Two arrays, (samples, features) and (samples, features, features)
    """
    totals = counts.sum(1)[:, None, None]
    means = counts @ points / totals[:, 0]
    products = np.tensordot(counts, points[:, :, None] * points[:, None], 1)
    covariances = (products - totals * means[:, :, None] * means[:, None]) / (totals - 1)
    return means, covariances
