"""Matrix products of torch on the processor, by OpenBLAS instead of MKL.

The mode in which MKL gives the same bytes on every processor uses instructions of 2004 and takes
five times as long. OpenBLAS is told by `stages/core/environment.py` to use AVX2 everywhere.
"""

import functools
import os
import warnings

import numpy as np
import torch
from torch import Tensor

from stages.core.environment import INSTRUCTION_SETS


def mm(left: Tensor, right: Tensor) -> Tensor:
    """Return the product of matrices, or of a matrix of each batch."""
    return torch.from_numpy(np.matmul(left.detach().numpy(), right.detach().numpy()))


def addmm(
    added: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Return beta times `added` plus alpha times the product of two matrices."""
    product = mm(left, right)
    if alpha != 1:
        product *= alpha
    return product.add_(added.detach(), alpha=beta) if beta else product


@functools.cache
def use_openblas() -> torch.library.Library | None:
    """Make OpenBLAS multiply the matrices of this process if MKL is held to its slow mode.

    Derivatives are those of torch, whose products these are, too. Products on a GPU do not change.
    """
    if os.environ.get("MKL_CBWR") != INSTRUCTION_SETS["MKL_CBWR"]:
        return None
    library = torch.library.Library("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[^$]*Overriding a previously registered kernel")
        for name, kernel in {"mm": mm, "bmm": mm, "addmm": addmm}.items():
            library.impl(name, kernel, "CPU")
    return library  # torch forgets the kernels of a library that nothing refers to
