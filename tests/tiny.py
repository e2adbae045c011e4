"""A tiny project: the real code and graph on a small corpus with small parameters."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

TINY = {
    "corpus": "tiny",
    "text.tokenize.min_count": 2,
    "embedding.models.skipgram.dimensions": 8,
    "embedding.models.skipgram.epochs": 1,
    "embedding.models.glove.dimensions": 8,
    "embedding.models.glove.epochs": 2,
    "embedding.evaluate.words": ["australia", "government"],
    "embedding.evaluate.arithmetic": ["australia - government + people"],
    "embedding.evaluate.blanks": 50,
    "embedding.evaluate.map_words": 40,
    "embedding.evaluate.bootstrap_samples": 50,
    "embedding.compare.bootstrap_samples": 50,
    # One of torch's and ours.
    "sequence.cells": ["rnn", "lstm_peephole"],
    "sequence.language_model.hidden_size": 8,
    "sequence.language_model.cutoffs": [50, 200],
    "sequence.read_digits.hidden_size": 8,
    "sequence.read_digits.epochs": 2,
    "sequence.predict_chords.hidden_size": 8,
    "sequence.predict_chords.epochs": 2,
    "sequence.classify_documents.hidden_size": 8,
    "sequence.classify_documents.epochs": 2,
    "sequence.remember.gaps": [5, 10],
    "sequence.remember.hidden_size": 8,
    "sequence.remember.batches_per_epoch": 10,
    "sequence.remember.epochs": 2,
    "sequence.remember.held_out": 100,
    "clustering.gather_points.words": 200,
    "clustering.gather_points.skip_words": 10,
    "clustering.cluster.words.clusters": 4,
    "clustering.cluster.documents.clusters": 4,
    "clustering.project.perplexity": 5,
    "music.train_composer.channels": 16,
    "music.train_composer.rounds": 20,
    "music.train_composer.rounds_per_checkpoint": 5,
    "music.compose.samples": 20,
}


# Enough to see that sparse, predicted and counted vectors go their way through every stage; the
# tests of the rooms run each kind.
KEPT = {"embedding.models": ["onehot", "skipgram", "glove"]}


def keep_params(path: Path, kept: dict[str, list[str]]) -> None:
    """Take all but some keys out of sections of a params file."""
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, keys in kept.items():
        section = params
        for part in name.split("."):
            section = section[part]
        for key in set(section) - set(keys):
            del section[key]
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def set_params(path: Path, values: dict[str, Any]) -> None:
    """Change values of a params file by their dotted names."""
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, value in values.items():
        *sections, key = name.split(".")
        section = params
        for part in sections:
            section = section[part]
        assert key in section, name
        section[key] = value
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def run(project: Path, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a Python module in `project` as a person with an activated environment would."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )


def copy_project(target: Path) -> Path:
    """Copy what git tracks or would track, with its own git and DVC repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(
            ("reports/metrics/", "reports/summary.")
        ):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    # The tiny project's results are its own.
    (target / "dvc.lock").unlink(missing_ok=True)
    subprocess.run(["git", "init", "-q", target], check=True)
    return target
