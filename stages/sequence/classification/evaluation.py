"""Log-odds of classes, and validation: the same for documents and images."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.sequence.recurrent.training import Batch


@torch.no_grad()
def predict(model: nn.Module, batches: Iterable[Batch]) -> Tensor:
    """Return the log-odds that a model gives to the classes, (examples, classes).

    Args:
        model: model whose arguments are the tensors of a batch
        batches: batches in order
    """
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(*(part.to(device) for part in batch)).cpu() for batch in batches])


def validate(log_odds: Tensor, classes: Tensor) -> dict[str, float]:
    """Return the mean cross-entropy in nats, and the accuracy.

    An example whose class is unknown to the model counts as an error. It has no cross-entropy.

    Args:
        log_odds: log-odds of the classes, (examples, classes)
        classes: true classes, (examples,), negative where the model does not know them
    """
    known = classes >= 0
    nats = functional.cross_entropy(log_odds[known], classes[known])
    return {
        "loss": nats.item() if known.any() else math.log(log_odds.shape[1]),
        "accuracy": (log_odds.argmax(1) == classes).double().mean().item(),
    }
