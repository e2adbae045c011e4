"""The features of a classifier of real and shuffled music."""

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
