"""The headline numbers of a run, and that DVC shows them in a line."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from page_inputs import METRICS
from tiny import copy_project, run

from stages.report import summarize

OF_CELLS = ("train_language_model", "classify_documents", "read_digits", "predict_chords")
FILES = ("collect", "tokenize", "compare_embeddings", "score_composer", "score_player")


@pytest.fixture
def summary(inputs):
    """The stage on the inputs of the pages, with `rnn` better on validation and `gru` on test."""
    for task in OF_CELLS:
        for cell, lowest in {"rnn": 1.0, "gru": 1.25}.items():
            path = Path(f"reports/curves/{task}/{cell}.csv")
            pd.DataFrame({"epoch": [1, 2], "validation_loss": [3.0, lowest]}).to_csv(path)

    def run() -> dict[str, float]:
        folders = {f"{task}_metrics": METRICS / task for task in OF_CELLS}
        curves = {f"{task}_curves": Path("reports/curves") / task for task in OF_CELLS}
        summarize.main(
            cells="sequence.cells",
            **{f"{name}_metrics": METRICS / f"{name}.json" for name in FILES},
            **folders,
            **curves,
            solve_adding_problem_metrics=METRICS / "solve_adding_problem",
            compare_clusters_metrics=METRICS / "compare_clusters.json",
            summary="summary.json",
        )
        return json.loads(Path("summary.json").read_text())

    return run


def test_each_task_has_the_test_score_of_the_cell_chosen_on_validation(summary):
    found = summary()
    assert (found["perplexity"], found["digits"], found["labels"]) == (25.2, 0.6, 0.6)
    assert found["chords"] == pytest.approx(8.9)
    assert found["clusters"] == 0.4
    assert found["longest_gap"] == 8  # of any cell
    assert set(found) <= {
        "documents", "tokens", "similarity", "perplexity", "labels", "digits", "chords",
        "longest_gap", "clusters", "composer", "player",
    }  # fmt: skip


def test_a_task_without_a_score_is_left_out(summary):
    before = summary()
    path = METRICS / "compare_clusters.json"
    path.write_text(path.read_text().replace('"test": 0.4', '"test": null'))
    assert summary() == {task: score for task, score in before.items() if task != "clusters"}


def test_dvc_shows_the_summary_in_a_line_that_fits_a_screen(tmp_path, summary):
    scores = summary()
    project = copy_project(tmp_path / "project")
    (project / "reports/summary.json").write_text(json.dumps(scores))
    shown = run(project, "dvc", "metrics", "show", "reports/summary.json").stdout.splitlines()
    assert re.split(r"\s{2,}", shown[0].strip()) == ["Path", *sorted(scores)]
    assert shown[1].startswith("reports/summary.json")
    assert max(map(len, shown)) <= 160
