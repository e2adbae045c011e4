"""Summarize a run in one number a task, for `dvc metrics show` and `dvc exp show`."""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from stages.outputs import Outputs
from stages.report.inputs import read_json


def summarize(metrics: Path, curves: Path, cells: list[str]) -> dict[str, float]:
    """Return the test score of each task that has one; baselines and intervals are in the report.

    Of several cells, the one with the lowest loss on the validation split speaks for its task.

    Args:
        metrics: a JSON file per stage, or a folder of files per stage with several.
        curves: a folder of CSV files per task of the recurrent cells.
        cells: the recurrent cells that were trained.
    """

    def metric(stage: str, *keys: str) -> Any:
        path = metrics / f"{stage}.json"
        found = read_json(path) if path.exists() else None
        for key in keys:
            found = found.get(key) if found else None
        return found

    def chosen(task: str, *keys: str) -> Any:
        losses = {
            cell: pd.read_csv(curves / task / f"{cell}.csv")["validation_loss"].min()
            for cell in cells
        }
        return metric(f"{task}/{min(cells, key=losses.get)}", *keys)

    gaps = [
        int(gap)
        for cell in cells
        for gap, result in metric(f"remember/{cell}", "gaps").items()
        if result["solved"]
    ]
    summary = {
        "documents": metric("collect", "documents", "total"),
        "tokens": metric("tokenize", "tokens", "total"),
        "similarity": metric("compare_embeddings", "WordSim-353", "score"),
        "perplexity": chosen("train_language_model", "perplexity", "test"),
        "labels": chosen("classify_documents", "accuracy"),
        "digits": chosen("read_digits", "accuracy"),
        "chords": chosen("predict_chords", "nats_per_frame", "test"),
        "longest_gap": max(gaps, default=0),
        "clusters": metric("cluster/documents", "adjusted_rand"),
        "composer": sum(
            score["nearer"] == "composer" for score in metric("score_composer", "scores").values()
        ),
    }
    return {task: score for task, score in summary.items() if score is not None}


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, summarize, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("params", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("curves", type=Path)
    parser.add_argument("summary", type=Path)
    args = parser.parse_args(argv)

    cells = yaml.safe_load(args.params.read_text(encoding="utf-8"))["sequence"]["cells"]
    with Outputs() as outputs:
        outputs.json(args.summary, summarize(args.metrics, args.curves, cells))
