"""The headline numbers of a run, and that DVC shows them and only them."""

import json
import re
from pathlib import Path

import pytest
import yaml
from tiny import copy_project, run

from stages.report import summarize

# Of each task, what the two cells have on the validation split and on the test split.
LOSSES = {"rnn": [3.0, 1.0, 2.0], "gru": [3.0, 1.5, 1.25]}
METRICS = {
    "collect": {"documents": {"total": 7559, "test": 755}},
    "tokenize": {"tokens": {"total": 509384}},
    "compare_embeddings": {"WordSim-353": {"best": "lsa", "score": 0.434}},
    "cluster/documents": {"adjusted_rand": 0.227},
    "score_composer": {"scores": {"a": {"nearer": "composer"}, "b": {"nearer": "random"}}},
}
OF_CELLS = {
    "train_language_model": lambda score: {"perplexity": {"test": score, "validation": 0}},
    "classify_documents": lambda score: {"accuracy": score},
    "read_digits": lambda score: {"accuracy": score},
    "predict_chords": lambda score: {"nats_per_frame": {"test": score}},
    "remember": lambda score: {"gaps": {"25": {"solved": True}, "100": {"solved": score > 0.5}}},
}
SUMMARY = {
    "documents": 7559,
    "tokens": 509384,
    "similarity": 0.434,
    "perplexity": 0.25,
    "labels": 0.25,
    "digits": 0.25,
    "chords": 0.25,
    "longest_gap": 100,
    "clusters": 0.227,
    "composer": 1,
}


@pytest.fixture
def reports(tmp_path) -> Path:
    """What the stages of a run have reported; `rnn` is better on validation, `gru` on test."""

    def write(path: str, content: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)

    for stage, values in METRICS.items():
        write(f"metrics/{stage}.json", json.dumps(values))
    for task, values in OF_CELLS.items():
        for cell, score in {"rnn": 0.25, "gru": 0.75}.items():
            write(f"metrics/{task}/{cell}.json", json.dumps(values(score)))
            lines = ["epoch,validation_loss", *(f"{e},{x}" for e, x in enumerate(LOSSES[cell], 1))]
            write(f"curves/{task}/{cell}.csv", "\n".join(lines))
    write("params.yaml", yaml.safe_dump({"sequence": {"cells": ["gru", "rnn"]}}))
    return tmp_path


def summary(reports: Path) -> dict:
    names = ("params.yaml", "metrics", "curves", "summary.json")
    summarize.main([str(reports / name) for name in names])
    return json.loads((reports / "summary.json").read_text())


def test_each_task_has_the_test_score_of_the_cell_chosen_on_validation(reports):
    assert summary(reports) == SUMMARY


def test_a_task_without_a_score_is_left_out(reports):
    (reports / "metrics/compare_embeddings.json").write_text('{"WordSim-353": {"score": null}}')
    (reports / "metrics/cluster/documents.json").unlink()
    for cell in LOSSES:  # as without labels
        (reports / f"metrics/classify_documents/{cell}.json").write_text('{"accuracy": null}')
        (reports / f"curves/classify_documents/{cell}.csv").write_text("epoch,validation_loss\n")
    left_out = {"similarity", "clusters", "labels"}
    assert summary(reports) == {k: v for k, v in SUMMARY.items() if k not in left_out}


def test_dvc_shows_the_summary_in_a_line_that_fits_a_screen(tmp_path):
    project = copy_project(tmp_path)
    written = project / "reports/summary.json"
    written.write_text(json.dumps({key: value / 3 for key, value in SUMMARY.items()}))
    shown = run(project, "dvc", "metrics", "show").stdout.splitlines()
    assert re.split(r"\s{2,}", shown[0].strip()) == ["Path", *sorted(SUMMARY)]
    assert shown[1].startswith("reports/summary.json")
    assert max(map(len, shown)) <= 160
