"""The environment variables under which every x86-64 processor with AVX2 gives the same bytes.

Numeric libraries choose their threads and their instructions by the processor, and sums of floats
differ with both. Most of them read these variables when they are imported or first used, so the
variables are set before anything else happens.
"""

import os
import sys
from collections.abc import MutableMapping

# A stage uses the threads it declares, not those of the machine: the order in which threads add
# floats changes the bytes of outputs, as does the order of hashed strings.
ALWAYS = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Great Expectations reads this when it is imported.
    "GX_ANALYTICS_ENABLED": "false",
}
# The newest instructions that are used, although the processor has newer ones.
INSTRUCTION_SETS = {
    "ARROW_USER_SIMD_LEVEL": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",  # torch
    "KIWI_ARCH_TYPE": "avx2",
    "MKL_CBWR": "COMPATIBLE",  # its AVX2 mode is for Intel's processors alone
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # numpy
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx2,+fma",
    # With AVX2, the LSTM of oneDNN sums in blocks whose size depends on the processor's caches.
    "ONEDNN_MAX_CPU_ISA": "AVX",
    "OPENBLAS_CORETYPE": "Haswell",
}
# Its value `native` leaves the instructions to the libraries: faster, but the bytes differ.
SETTING = "ETUDE_INSTRUCTION_SETS"


def fix(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set the variables in `environment`; instruction sets that it already names are kept."""
    environment.update(ALWAYS)
    if environment.get(SETTING) != "native" and os.uname().machine == "x86_64":
        for name, value in INSTRUCTION_SETS.items():
            environment.setdefault(name, value)


def start() -> None:
    """Fix the environment of this process, whose hash seed only a new start can change."""
    is_seeded = os.environ.get("PYTHONHASHSEED") == ALWAYS["PYTHONHASHSEED"]
    fix()
    if not is_seeded:
        os.execve(sys.executable, sys.orig_argv, os.environ)


def deviations() -> list[str]:
    """Return the instruction sets that differ from those fixed here, as `NAME=value`."""
    return [
        f"{name}={os.environ.get(name, 'native')}"
        for name, value in INSTRUCTION_SETS.items()
        if os.environ.get(name) != value
    ]
