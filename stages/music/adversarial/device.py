"""The device that networks are trained on."""

import os
from typing import Literal

import torch

from stages.core.errors import StageError

Device = Literal["cpu", "cuda"]


def find_device(device: Device, section: str) -> torch.device:
    """Return the device of a training, which gives the same bytes again there.

    Raises:
        StageError: it is cuda, and torch sees no GPU.
    """
    if device == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS needs it to be deterministic
        if not torch.cuda.is_available():
            raise StageError(f"{section}.device is cuda, but torch sees no GPU here: set it to cpu")
    return torch.device(device)
