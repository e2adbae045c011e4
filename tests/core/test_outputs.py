import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from stages.core.contracts import Contract, ContractBreach
from stages.core.outputs import Staging, staged

PROJECT = Path(__file__).parents[2]
NUMBERS = Contract(
    pa.schema([pa.field("n", pa.int64(), nullable=False)]),
    (("ExpectColumnValuesToBeBetween", {"column": "n", "min_value": 0}),),
)


def test_files_appear_together_at_the_end(tmp_path):
    table, metrics = tmp_path / "deep" / "numbers.parquet", tmp_path / "metrics.json"
    with Staging(tmp_path / "validation.json") as staging:
        staging.table(table, NUMBERS).write(pa.table({"n": [1, 2]}))
        staging.output(metrics).write_json({"rows": 2})
        assert not table.exists()
        assert not metrics.exists()
    assert table.exists()
    assert json.loads(metrics.read_text()) == {"rows": 2}
    assert json.loads((tmp_path / "validation.json").read_text())[str(table)]["success"]
    assert not list(tmp_path.rglob("*.partial*"))


def test_tables_of_one_contract_have_separate_results(tmp_path):
    paths = [tmp_path / "a" / "numbers.parquet", tmp_path / "b" / "numbers.parquet"]
    with Staging(tmp_path / "validation.json") as staging:
        for n, path in enumerate(paths, start=1):
            staging.table(path, NUMBERS).write(pa.table({"n": range(n)}))
    results = json.loads((tmp_path / "validation.json").read_text())
    rows = [results[str(path)]["results"][1]["result"]["observed_value"] for path in paths]
    assert rows == [1, 2]


def test_nothing_appears_when_the_stage_fails(tmp_path):
    with pytest.raises(RuntimeError, match="no"), Staging() as staging:
        staging.output(tmp_path / "metrics.json").write_json({})
        raise RuntimeError("no")
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_was_not_written_is_named(tmp_path):
    with pytest.raises(RuntimeError, match=r"did not write .*b\.json"), Staging() as staging:
        staging.output(tmp_path / "a.json").write_json({})
        staging.output(tmp_path / "b.json")
    assert list(tmp_path.iterdir()) == []


def test_results_of_a_broken_contract_are_kept(tmp_path):
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    validation = tmp_path / "validation.json"
    breach = pytest.raises(
        ContractBreach, match=r"table .*bad\.parquet breaks its contract: column"
    )
    with breach, Staging(validation) as staging:
        staging.table(good, NUMBERS).write(pa.table({"n": [1]}))
        staging.table(bad, NUMBERS).write(pa.table({"n": [-1]}))
    assert [path.name for path in tmp_path.iterdir()] == ["validation.json"]
    results = json.loads(validation.read_text())
    assert [results[str(path)]["success"] for path in (good, bad)] == [True, False]


def test_an_existing_output_is_kept_when_the_stage_fails(tmp_path):
    metrics = tmp_path / "metrics.json"
    metrics.write_text("old")
    with pytest.raises(RuntimeError), Staging() as staging:
        staging.output(metrics).write_json({"new": 1})
        raise RuntimeError
    assert metrics.read_text() == "old"


def test_a_number_that_is_not_json_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"), Staging() as staging:
        staging.output(tmp_path / "metrics.json").write_json({"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_callbacks_run_only_after_success(tmp_path):
    called = []
    with pytest.raises(RuntimeError), Staging() as staging:
        staging.output(tmp_path / "a.json").when_written(lambda: called.append("too early"))
        raise RuntimeError
    with Staging() as staging:
        output = staging.output(tmp_path / "a.json")
        output.when_written(lambda: called.append((tmp_path / "a.json").exists()))
        output.write_json({})
    assert called == [True]


def test_two_processes_can_write_the_same_output(tmp_path):
    metrics = tmp_path / "metrics.json"
    code = """
import sys
from pathlib import Path
from stages.core.outputs import Staging
with Staging() as staging:
    staging.output(Path(sys.argv[1])).write_json({"by": "the other"})
    print(flush=True)
    sys.stdin.readline()
"""
    command = [sys.executable, "-c", code, str(metrics)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True) as other:
        other.stdout.readline()
        with Staging() as staging:
            staging.output(metrics).write_json({"by": "this one"})
        assert json.loads(metrics.read_text()) == {"by": "this one"}
        other.communicate("go on\n", timeout=60)
    assert other.returncode == 0
    assert json.loads(metrics.read_text()) == {"by": "the other"}
    assert list(tmp_path.iterdir()) == [metrics]


def test_partial_files_of_ended_processes_are_removed_by_the_next_run(tmp_path):
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
        staged(tmp_path / "a.json")
        staged(tmp_path / "c")
        running.kill()
    assert {path.name for path in tmp_path.iterdir()} == {
        f"a.json.{running.pid}.partial",
        f"b.json.{gone.pid}.partial",
        f"a.{gone.pid}.partial",
        "a.json.partial",
    }


def test_git_and_dvc_ignore_partial_files():
    path = staged(Path("reports/metrics/collect.json"))
    for command in (["git"], [sys.executable, "-m", "dvc"]):
        subprocess.run([*command, "check-ignore", "-q", str(path)], cwd=PROJECT, check=True)
