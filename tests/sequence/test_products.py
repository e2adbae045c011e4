import os
import subprocess
import sys

import pytest
import torch
from tiny import ROOT

from stages.core.products import addmm, mm, use_openblas

IN_A_PROCESS = """
import numpy as np
import torch
from stages.core.products import use_openblas

use_openblas()
left, right = torch.randn(70, 300), torch.randn(300, 90)
assert np.array_equal((left @ right).numpy(), left.numpy() @ right.numpy())
for cell in torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM:
    cell(8, 16)(torch.randn(5, 3, 8))[0].sum().backward()
shapes = (4, 3), (5, 3), (5,)
inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
assert torch.autograd.gradgradcheck(torch.nn.functional.linear, inputs)
"""


@pytest.mark.parametrize("shape", [(7, 5, 3), (1, 5, 3), (7, 1, 3), (0, 5, 3), (7, 0, 3)])
@pytest.mark.parametrize("transposed", [False, True])
def test_products_are_those_of_torch(shape, transposed):
    draw = torch.Generator().manual_seed(1)
    rows, inner, columns = shape
    left = torch.randn(rows, inner, generator=draw, dtype=torch.float64)
    right = torch.randn(inner, columns, generator=draw, dtype=torch.float64)
    if transposed:
        left, right = left.T.contiguous().T, right.T.contiguous().T
    torch.testing.assert_close(mm(left, right), torch.einsum("ij,jk->ik", left, right))
    stacked = torch.stack([left, 2 * left]), torch.stack([right, right])
    torch.testing.assert_close(mm(*stacked)[1], 2 * mm(left, right))
    for added in torch.randn(columns, generator=draw).double(), torch.tensor(2.0).double():
        for beta, alpha in (1, 1), (0, 1), (0.5, 2):
            expected = beta * added + alpha * (left @ right)
            torch.testing.assert_close(addmm(added, left, right, beta=beta, alpha=alpha), expected)
    assert addmm(torch.full((columns,), torch.nan), left, right, beta=0).isfinite().all()


def test_openblas_multiplies_where_mkl_is_slow():
    command = [sys.executable, "-W", "error::UserWarning", "-c", IN_A_PROCESS]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "MKL_CBWR": "COMPATIBLE"}, check=True)


def test_mkl_multiplies_where_it_is_fast(monkeypatch):
    monkeypatch.delenv("MKL_CBWR", raising=False)
    assert use_openblas.__wrapped__() is None
