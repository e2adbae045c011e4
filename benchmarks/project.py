"""Running and measuring stages, in a copy of the project with changed parameters."""

import functools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from dvc.repo import Repo

from stages.core import environment

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"


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
    variables = {**os.environ, "PATH": path}
    environment.fix(variables)  # for others, too: equal conditions
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=variables,
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


@contextmanager
def project(changes: dict[str, dict[str, Any]], *rooms: str) -> Iterator[Path]:
    """Yield a folder with the code and the configuration of the project, and without results.

    Args:
        changes: changed parameters by the dotted name of their section
        rooms: rooms whose results of the last run are linked into the folder
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for made in ("conf/corpus", "data/raw"):
            (folder / made).mkdir(parents=True)
        linked = ["stages", "conf/korean_words.tsv", *(f"data/{room}" for room in rooms)]
        for path in linked:
            (folder / path).symlink_to(ROOT / path)
        shutil.copy(ROOT / "params.yaml", folder)
        shutil.copy(ROOT / "conf/execution.yaml", folder / "conf")
        change_params(folder, changes)
        yield folder


def read_params(folder: Path) -> dict[str, Any]:
    """Return the parameters of the project in `folder`."""
    return yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))


def change_params(folder: Path, changes: dict[str, dict[str, Any]]) -> None:
    """Change parameters of the project in `folder`, given by the dotted name of their section."""
    params = read_params(folder)
    for name, values in changes.items():
        section = params
        for key in name.split("."):
            section = section[key]
        section.update(values)
    text = yaml.safe_dump(params, sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def set_workers(folder: Path, workers: int, *stages: str) -> None:
    """Change the number of processes or threads of stages of the project in `folder`."""
    file = folder / "conf/execution.yaml"
    execution = yaml.safe_load(file.read_text(encoding="utf-8"))
    execution["workers"].update(dict.fromkeys(stages, workers))
    file.write_text(yaml.safe_dump(execution), encoding="utf-8")


def write_corpus(folder: Path, language: str, **source: str) -> None:
    """Make one file of `data/raw` the corpus of `folder`.

    Args:
        folder: folder of a project
        language: `english` or `korean`
        source: path of the file in `data/raw`, and the names of its columns
    """
    corpus = {
        "title": source["path"], "licence": "-", "language": language, "min_words": 1,
        "markup": "html", "sources": [source],
    }  # fmt: skip
    path = folder / "conf/corpus" / f"{read_params(folder)['corpus']}.yaml"
    path.write_text(yaml.safe_dump(corpus), encoding="utf-8")


@functools.cache
def commands(root: Path) -> dict[str, list[str]]:
    """Return the arguments of Python for each stage of a project's dvc.yaml, by its name."""
    with Repo(str(root)) as repo:
        return {stage.name: shlex.split(stage.cmd)[1:] for stage in repo.index.stages}


def run_stage(folder: Path, name: str) -> Cost:
    """Run a stage of dvc.yaml in `folder`."""
    return measure(folder, *commands(ROOT)[name])


# Stages in one process, without what does not grow with their work: starting Python and importing
# (measured apart), and Great Expectations.
WORK = """
import gc, importlib, shlex, sys, time
gc.set_threshold(100_000)
from stages.core.command import parse
from stages.core.contracts import Contract
Contract.check = lambda self, path: {"success": True}  # in worker processes, too
if __name__ == "__main__":
    clock, *commands = sys.argv[1:]
    seconds = []
    for _, _, stage, *options in map(shlex.split, commands):
        main = importlib.import_module(f"stages.{stage}").main
        arguments = {**parse(stage, options), "validation": None}
        start = getattr(time, clock)()
        main(**arguments)
        seconds.append(getattr(time, clock)() - start)
    print(*seconds, file=open("seconds.txt", "w"))
"""


def work_seconds(folder: Path, clock: str, *names: str) -> list[float]:
    """Return the seconds of each stage's own work, by a clock of the module `time`."""
    # In a file, so that worker processes can import it.
    (folder / "work.py").write_text(WORK)
    os.sync()  # what is still to be written to the disk would slow it down
    known = commands(folder if (folder / "dvc.yaml").exists() else ROOT)
    measure(folder, "work.py", clock, *(shlex.join(known[name]) for name in names))
    return [float(seconds) for seconds in (folder / "seconds.txt").read_text().split()]
