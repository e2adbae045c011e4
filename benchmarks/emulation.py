"""Compare the bytes of every stage with those under an emulated processor.

`python -m benchmarks.emulation Haswell-noTSX EPYC` runs the tiny project of the tests, then each of
its stages once more on each of these processors, as `qemu-x86_64 -cpu help` names them, and prints
the outputs that differ. It needs qemu's user mode, which is Debian's package qemu-user. The stages
run in forks of an emulated stage server, so that libraries are imported once.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dvc.repo import Repo

from benchmarks.project import ROOT, measure
from stages.core import environment

sys.path.append(str(ROOT / "tests"))
from tiny import make_tiny

START_SECONDS = 600


def stages(folder: Path) -> dict[str, tuple[list[str], list[Path]]]:
    """Return the command and the outputs of each stage, in order."""
    import networkx as nx

    with Repo(str(folder)) as repo:
        return {
            stage.name: (
                shlex.split(stage.cmd)[1:],
                [Path(out.def_path) for out in stage.outs],
            )
            for stage in nx.dfs_postorder_nodes(repo.index.graph)
        }


def compare(folder: Path, processor: str) -> None:
    """Run each stage of the finished project in `folder` emulated, and print what differs."""
    socket = folder / f".dvc/tmp/{processor}.sock"
    variables = {**os.environ, "ETUDE_SERVER": str(socket)}
    environment.fix(variables)
    server = subprocess.Popen(
        ["qemu-x86_64", "-cpu", processor, sys.executable, "-m", "stages.server"],
        cwd=folder,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if "listens" not in server.stdout.readline():
        sys.exit(f"the stage server did not start on {processor}")
    for name, (command, outputs) in stages(folder).items():
        native = {path: (folder / path).read_bytes() for path in outputs}
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        differ = [str(path) for path in outputs if (folder / path).read_bytes() != native[path]]
        verdict = "same bytes" if not differ else f"differ: {', '.join(differ)}"
        if done.returncode:
            verdict = f"failed: {done.stdout.strip().splitlines()[-1:]}"
        print(f"{processor:14} {name:36} {time.monotonic() - start:6.0f} s  {verdict}", flush=True)
        for path, content in native.items():  # each stage is judged by itself
            (folder / path).write_bytes(content)
    server.communicate()


def main() -> None:
    """Run and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("processors", nargs="+", metavar="PROCESSOR")
    arguments = parser.parse_args()
    if not shutil.which("qemu-x86_64"):
        sys.exit("qemu-x86_64 is not installed: on Debian, apt install qemu-user")
    with tempfile.TemporaryDirectory() as temporary:
        project = make_tiny(Path(temporary))
        measure(project, "-m", "flows", "everything")
        for processor in arguments.processors:
            compare(project, processor)


if __name__ == "__main__":
    main()
