import os
import subprocess
import sys

import pytest
from tiny import ROOT

from stages.core import environment

SHOW = """
import os, sys
from stages.core import environment
environment.start()
print(hash("a"), *(os.environ.get(name) for name in sys.argv[1:]), sep=",")
"""


def started(*names: str, **variables: str) -> list[str]:
    """Return the hash of a string and some variables in a process with a fixed environment."""
    fixed = {*environment.ALWAYS, *environment.INSTRUCTION_SETS, environment.SETTING}
    kept = {name: value for name, value in os.environ.items() if name not in fixed}
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *names],
        cwd=ROOT,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().split(",")


def test_hashes_and_threads_are_fixed_whatever_the_shell_says():
    names = ("PYTHONHASHSEED", "OMP_NUM_THREADS", "ATEN_CPU_CAPABILITY")
    fixed = started(*names)
    assert fixed[1:] == ["0", "1", "avx2"]
    assert started(*names, PYTHONHASHSEED="7", OMP_NUM_THREADS="2") == fixed


def test_an_instruction_set_that_the_machine_names_is_kept():
    names = ("OPENBLAS_CORETYPE", "MKL_CBWR")
    assert started(*names, OPENBLAS_CORETYPE="Zen")[1:] == ["Zen", "COMPATIBLE"]


def test_native_leaves_the_instructions_to_the_libraries():
    names = ("OPENBLAS_CORETYPE", "MKL_CBWR", "OMP_NUM_THREADS")
    assert started(*names, ETUDE_INSTRUCTION_SETS="native")[1:] == ["None", "None", "1"]


def test_deviations_are_named(monkeypatch):
    for name, value in environment.INSTRUCTION_SETS.items():
        monkeypatch.setenv(name, value)
    assert environment.deviations() == []
    monkeypatch.delenv("MKL_CBWR")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    assert environment.deviations() == ["MKL_CBWR=native", "OPENBLAS_CORETYPE=Zen"]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="instruction sets of x86-64")
def test_the_libraries_obey():
    """Each says itself which instructions it uses."""
    code = """
import os
from stages.core import environment
environment.start()
import numpy, torch, pyarrow, llvmlite.binding, numba
from numba.core import codegen
from threadpoolctl import threadpool_info
from numpy._core._multiarray_umath import __cpu_features__ as features
import scipy.linalg
print(
    features["X86_V4"] or features["AVX512_SPR"],
    {pool["architecture"] for pool in threadpool_info() if pool["internal_api"] == "openblas"},
    torch.backends.cpu.get_cpu_capability(),
    pyarrow.runtime_info().simd_level,
    numba.config.CPU_NAME,
    sep="|",
)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    kinds = done.stdout.strip().split("|")
    core = os.environ.get("OPENBLAS_CORETYPE", "Haswell")
    assert kinds == ["False", f"{{'{core}'}}", "AVX2", "avx2", "haswell"], done.stderr
