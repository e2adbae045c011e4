"""Measure the whole pipeline: the flow against `dvc repro`, cold and unchanged, and the overhead.

`python -m benchmarks.pipeline` clones the last commit twice, runs one clone by each, and prints a
table. It takes as long as both runs together, a quarter of an hour on two cores.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml
from dvc.repo import Repo

ROOT = Path(__file__).parents[1]


class Cost(NamedTuple):
    """Wall-clock and processor seconds of a command, including its children.

    `peak_mib` is the resident memory of the largest of its processes.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(folder: Path, *arguments: str) -> Cost:
    """Run Python with `arguments` in `folder`; stop the benchmark where that fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{output}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def clone(folder: Path) -> Path:
    """Clone the last commit to `folder`, which then has an empty cache."""
    subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
    return folder


def lock(folder: Path) -> dict:
    """Return the entry of each stage in `dvc.lock`, without removed stages."""
    locked = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    with Repo(str(folder)) as repo:
        return {stage.name: locked[stage.name] for stage in repo.index.stages}


# Every table of a finished stage, checked against its contract once more.
CHECK = """
import importlib, sys
from pathlib import Path
from typing import get_type_hints
from stages.core.command import parse
stage, *options = sys.argv[1:]
hints = get_type_hints(importlib.import_module(f"stages.{stage}").main, include_extras=True)
for name, path in parse(stage, options).items():
    for contract in getattr(hints.get(name), "__metadata__", ()):
        contract.check(Path(path))
"""


def overhead(folder: Path) -> dict[str, float]:
    """Return the processor seconds of all that is not a stage's own work, by kind.

    Each is measured by itself, for every stage of the finished run in `folder`: importing the
    stage's modules, importing Great Expectations and checking its tables once more, DVC finding
    the stage unchanged and, for the flow, everything that a run without any work takes.
    """
    costs = {"imports": 0.0, "validation": 0.0, "dvc": 0.0}
    for name, stage in lock(folder).items():
        module, *options = shlex.split(stage["cmd"])[3:]
        imports = measure(folder, "-c", f"import stages.{module}").cpu_s
        costs["imports"] += imports
        if "--validation" in options:
            costs["validation"] += measure(folder, "-c", CHECK, module, *options).cpu_s - imports
        costs["dvc"] += measure(folder, "-m", "dvc", "repro", "-q", "--single-item", name).cpu_s
    costs["prefect"] = measure(folder, "-m", "flows", "everything").cpu_s
    return costs


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as temporary:
        by_flow, by_dvc = clone(Path(temporary, "flow")), clone(Path(temporary, "dvc"))
        flow = measure(by_flow, "-m", "flows", "everything")
        print(f"cold, flow:          {flow.wall_s:6.1f} s, {flow.cpu_s:6.1f} s of processors")
        dvc = measure(by_dvc, "-m", "dvc", "repro")
        print(f"cold, dvc repro:     {dvc.wall_s:6.1f} s, {dvc.cpu_s:6.1f} s of processors")
        print(f"flow is faster by    {dvc.wall_s / flow.wall_s:6.2f}")
        print(f"same dvc.lock:       {lock(by_flow) == lock(by_dvc)}")
        print(f"unchanged, dvc repro:{measure(by_dvc, '-m', 'dvc', 'repro').wall_s:6.1f} s")
        unchanged = measure(by_flow, "-m", "flows", "everything")
        print(f"unchanged, flow:     {unchanged.wall_s:6.1f} s")
        costs = overhead(by_flow)
        for kind, seconds in costs.items():
            print(f"overhead, {kind:11}{seconds:6.1f} s, {seconds / flow.cpu_s:5.1%} of the flow's")
        total = sum(costs.values())
        print(f"overhead, all:       {total:6.1f} s, {total / flow.cpu_s:5.1%} of the flow's")


if __name__ == "__main__":
    main()
