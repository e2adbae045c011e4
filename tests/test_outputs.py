import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from stages.contracts import Contract
from stages.outputs import Outputs, aside

PROJECT = Path(__file__).parents[1]

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


def test_two_processes_that_write_the_same_file_do_not_meet(tmp_path):
    metrics = tmp_path / "metrics.json"
    code = """
import sys
from pathlib import Path
from stages.outputs import Outputs
with Outputs() as outputs:
    outputs.json(Path(sys.argv[1]), {"by": "the other"})
    print(flush=True)
    sys.stdin.readline()
"""
    command = [sys.executable, "-c", code, str(metrics)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True) as other:
        other.stdout.readline()
        with Outputs() as outputs:
            outputs.json(metrics, {"by": "this one"})
        assert json.loads(metrics.read_text()) == {"by": "this one"}
        other.communicate("go on\n", timeout=60)
    assert other.returncode == 0
    assert json.loads(metrics.read_text()) == {"by": "the other"}
    assert list(tmp_path.iterdir()) == [metrics]


def test_what_a_killed_process_left_of_a_file_goes_with_the_next_run_of_it(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        (tmp_path / f"a.json.{running.pid}.partial").touch()
        with subprocess.Popen([sys.executable, "-c", ""]) as gone:
            pass
        for name in ("a.json", "b.json", "a"):
            (tmp_path / f"{name}.{gone.pid}.partial").touch()
        folder = tmp_path / f"c.{gone.pid}.partial"
        folder.mkdir()
        (folder / "rows").touch()
        (tmp_path / "a.json.partial").touch()
        aside(tmp_path / "a.json")
        aside(tmp_path / "c")
        running.kill()
    assert {path.name for path in tmp_path.iterdir()} == {
        f"a.json.{running.pid}.partial",
        f"b.json.{gone.pid}.partial",
        f"a.{gone.pid}.partial",
        "a.json.partial",
    }


def test_git_and_dvc_do_not_look_at_files_written_aside():
    path = aside(Path("reports/metrics/collect.json"))
    for command in (["git"], [sys.executable, "-m", "dvc"]):
        subprocess.run([*command, "check-ignore", "-q", str(path)], cwd=PROJECT, check=True)
