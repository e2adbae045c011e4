"""Metrics are written and read through the same models."""

import importlib
import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError
from tiny import ROOT

from stages.core.errors import StageError
from stages.core.metrics import read_metrics
from stages.core.outputs import Staging
from stages.metrics.collect_notes import CollectNotesMetrics
from stages.metrics.compare_embeddings import CompareEmbeddingsMetrics, Verdict
from stages.metrics.evaluate_embedding import EvaluateEmbeddingMetrics

NOTES = {
    "collection": {"name": "mine", "title": "Mine", "licence": "CC0", "homepage": None},
    "files": 3,
    "pieces": {"total": 3, "train": 2},
    "notes": 40,
    "dropped": {"duplicate": 1},
    "refused": {},
    "repaired": {},
    "left_out": {},
    "examples": [],
}
COMMITTED = sorted((ROOT / "reports/metrics").rglob("*.json"))


def model_of(stage: str) -> type[BaseModel]:
    module = importlib.import_module(f"stages.metrics.{stage}")
    return getattr(module, f"{stage.title().replace('_', '')}Metrics")


def rewritten(metrics: BaseModel, path: Path) -> str:
    with Staging() as staging:
        staging.output(path).write_json(metrics)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", COMMITTED, ids=lambda p: str(p.relative_to(ROOT / "reports")))
def test_committed_metrics_are_written_with_the_same_bytes(path, tmp_path):
    stage = path.relative_to(ROOT / "reports/metrics").parts[0].removesuffix(".json")
    metrics = read_metrics(path, model_of(stage))
    assert rewritten(metrics, tmp_path / "again.json") == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"notes\.json is damaged or from another version: invalid JSON"),
        (json.dumps({**NOTES, "tunes": 1}), r"unknown key 'tunes'"),
        (json.dumps({k: v for k, v in NOTES.items() if k != "notes"}), r"key 'notes' is missing"),
        (json.dumps({**NOTES, "pieces": {"train": "two"}}), r"'pieces\.train' is 'two'"),
    ],
)
def test_an_invalid_key_or_value_is_named(text, message, tmp_path):
    path = tmp_path / "notes.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StageError, match=message):
        read_metrics(path, CollectNotesMetrics)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StageError, match=r"notes\.json does not exist"):
        read_metrics(tmp_path / "notes.json", CollectNotesMetrics)


def test_a_writer_cannot_misspell_a_key_or_change_a_value():
    with pytest.raises(ValidationError, match="tunes"):
        CollectNotesMetrics(**NOTES, tunes=1)
    metrics = CollectNotesMetrics(**NOTES)
    with pytest.raises(ValidationError, match="frozen"):
        metrics.notes = 41


def test_defaults_are_not_written(tmp_path):
    path = ROOT / "reports/metrics/evaluate_embedding/onehot.json"
    metrics = read_metrics(path, EvaluateEmbeddingMetrics)
    assert metrics.cost is None
    assert "cost" not in json.loads(rewritten(metrics, tmp_path / "onehot.json"))
    none = Verdict(measure="accuracy", items=0, best=None, score=None, no_worse=[])
    table = CompareEmbeddingsMetrics({"analogies": none})
    assert json.loads(rewritten(table, tmp_path / "compare.json"))["analogies"]["best"] is None
