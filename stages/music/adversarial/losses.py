"""The losses of both sides of a generative adversarial network."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Loss = Literal["non_saturating", "hinge", "wasserstein"]


def critic_loss(
    critic: Callable[[Tensor], Tensor], real: Tensor, drawn: Tensor, loss: Loss, penalty: float
) -> tuple[Tensor, float]:
    """Return the loss of the critic, and how far apart its mean scores of both sides are.

    The penalty of the Wasserstein loss keeps the norm of the gradient between real and drawn
    examples at 1 (Gulrajani et al. 2017, arXiv:1704.00028, equation 3). Those of the hinge and the
    non-saturating loss keep it small at real examples (Mescheder et al. 2018, arXiv:1801.04406,
    equation 9).

    Args:
        critic: returns the score of each example
        real: real examples, (examples, ...)
        drawn: those of the generator
        loss: kind of loss
        penalty: weight of the penalty; 0 for none
    """
    of_real, of_drawn = critic(real), critic(drawn)
    distance = of_real.mean() - of_drawn.mean()
    if loss == "wasserstein":
        own = -distance
    else:
        own = {
            "hinge": functional.relu(1 - of_real).mean() + functional.relu(1 + of_drawn).mean(),
            "non_saturating": functional.softplus(-of_real).mean()
            + functional.softplus(of_drawn).mean(),
        }[loss]
    if not penalty:
        return own, distance.item()
    at = real.clone()
    if loss == "wasserstein":
        share = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
        at = share * real + (1 - share) * drawn
    at.requires_grad_()
    (slope,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
    squares = slope.flatten(1).square().sum(1)
    excess = (squares.sqrt() - 1).square() if loss == "wasserstein" else squares / 2
    return own + penalty * excess.mean(), distance.item()


def generator_loss(scores: Tensor, loss: Loss) -> Tensor:
    """Return the loss of the generator, whose examples the critic should take for real ones."""
    return functional.softplus(-scores).mean() if loss == "non_saturating" else -scores.mean()
