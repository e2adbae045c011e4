import json

import pyarrow as pa
import pytest

from stages.core.contracts import Contract
from stages.core.outputs import Outputs

NUMBERS = Contract("numbers", pa.schema([pa.field("n", pa.int64(), nullable=False)]))


def test_files_appear_together_at_the_end(tmp_path):
    table, metrics = tmp_path / "deep" / "numbers.parquet", tmp_path / "metrics.json"
    with Outputs(tmp_path / "validation.json") as outputs:
        outputs.table(table, NUMBERS, pa.table({"n": [1, 2]}))
        outputs.json(metrics, {"rows": 2})
        assert not table.exists()
        assert not metrics.exists()
    assert table.exists()
    assert json.loads(metrics.read_text()) == {"rows": 2}
    assert json.loads((tmp_path / "validation.json").read_text())["numbers"]["success"]
    assert not list(tmp_path.rglob("*.partial"))


def test_nothing_appears_when_the_stage_fails(tmp_path):
    with pytest.raises(RuntimeError), Outputs() as outputs:
        outputs.json(tmp_path / "metrics.json", {})
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_json_does_not_know_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"), Outputs() as outputs:
        outputs.json(tmp_path / "metrics.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_what_stood_there_stays_when_the_stage_fails(tmp_path):
    metrics = tmp_path / "metrics.json"
    metrics.write_text("old")
    with pytest.raises(RuntimeError), Outputs() as outputs:
        outputs.json(metrics, {"new": 1})
        raise RuntimeError
    assert metrics.read_text() == "old"
