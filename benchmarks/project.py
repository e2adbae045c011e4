"""A copy of the project in which a benchmark changes parameters and runs stages."""

import functools
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo

from benchmarks.pipeline import ROOT, Cost, measure

SHARED = ROOT.parent / "shared" / "data"


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
def commands() -> dict[str, list[str]]:
    """Return the arguments of Python for each stage of dvc.yaml, by its name."""
    with Repo(str(ROOT)) as repo:
        return {stage.name: shlex.split(stage.cmd)[1:] for stage in repo.index.stages}


def run_stage(folder: Path, name: str) -> Cost:
    """Run a stage of dvc.yaml in `folder`."""
    return measure(folder, *commands()[name])
