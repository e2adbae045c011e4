"""Measure the whole pipeline: cold, after one changed parameter, and unchanged.

`python -m benchmarks.pipeline` clones the last commit and runs it by the flow; `--dvc` runs another
clone by `dvc repro` and compares the locks. `python -m benchmarks.pipeline aea262d HEAD --rounds 2`
compares revisions, in turns. A cold run takes ten minutes on two cores.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import yaml
from dvc.repo import Repo

from benchmarks.project import ROOT, Cost, change_params, measure, work_seconds


def clone(revision: str, folder: Path) -> Path:
    """Clone a revision to `folder`, which then has an empty cache."""
    subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
    subprocess.run(["git", "checkout", "-q", revision], cwd=folder, check=True)
    return folder


def lock(folder: Path) -> dict:
    """Return the entry of each stage in `dvc.lock`, without removed stages."""
    locked = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    with Repo(str(folder)) as repo:
        return {stage.name: locked[stage.name] for stage in repo.index.stages}


def show(revision: str, what: str, cost: Cost) -> None:
    """Print what a run took."""
    print(
        f"{revision:8} {what:24} {cost.wall_s:7.1f} s, {cost.cpu_s:7.1f} s of processors",
        flush=True,
    )


def measure_revision(revision: str, folder: Path) -> float:
    """Measure the flow in a clone, cold, changed and unchanged; return a cold run's CPU seconds."""
    clone(revision, folder)
    cold = measure(folder, "-m", "flows", "everything")
    show(revision, "cold, flow", cold)
    show(revision, "unchanged, flow", measure(folder, "-m", "flows", "everything"))
    show(revision, "unchanged, dvc repro", measure(folder, "-m", "dvc", "repro"))
    params = (folder / "params.yaml").read_bytes()
    change_params(folder, {"clustering.cluster.kmeans_words": {"clusters": 24}})
    show(revision, "one parameter, flow", measure(folder, "-m", "flows", "everything"))
    (folder / "params.yaml").write_bytes(params)
    measure(folder, "-m", "flows", "everything")
    return cold.cpu_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revisions", nargs="*", default=["HEAD"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--dvc", action="store_true", help="a cold dvc repro, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for turn in range(arguments.rounds):
            for revision in arguments.revisions:
                folder = Path(temporary, f"{revision}_{turn}")
                cold = measure_revision(revision, folder)
        own = sum(work_seconds(folder, "process_time", *lock(folder)))
        print(f"{revision:8} work of the stages       {own:7.1f} s of processors")
        print(f"{revision:8} all else                 {cold - own:7.1f} s, {1 - own / cold:.1%}")
        if arguments.dvc:
            by_dvc = clone(revision, Path(temporary, "dvc"))
            show(revision, "cold, dvc repro", measure(by_dvc, "-m", "dvc", "repro"))
            print(f"same dvc.lock: {lock(by_dvc) == lock(folder)}")


if __name__ == "__main__":
    main()
