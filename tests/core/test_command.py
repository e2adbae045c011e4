import errno
import os
import subprocess
import sys
import types
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny import ROOT

from stages.core import command
from stages.core.command import Input, Option
from stages.core.contracts import Contract
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params

ROWS = Contract(pa.schema([pa.field("n", pa.int64(), nullable=False)]))
STAGE = '''
@command
def main(*, params: Knobs, rows: Input, cell: str, more_rows: Table[ROWS], metrics: Output):
    """Double the rows.

    Args:
        rows: numbers to double, over
            two lines
    """
'''


class Knobs(Params):
    factor: int


@command.command
def double(*, params: Knobs, rows: Input, cell: str, more_rows: Table[ROWS], metrics: Output):
    numbers = pq.read_table(rows)["n"].to_pylist()
    more_rows.write(pa.table({"n": [params.factor * n for n in numbers]}))
    metrics.write_json({"cell": cell, "rows": len(numbers), "section": params.section})


@pytest.fixture
def arguments(tmp_path, monkeypatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("room: {double: {factor: 3}}")
    pq.write_table(pa.table({"n": [1, 2]}), "rows.parquet")
    return {
        "params": "room.double",
        "rows": "rows.parquet",
        "cell": "gru",
        "more_rows": "out/more_rows.parquet",
        "metrics": "out/metrics.json",
        "validation": "out/validation.json",
    }


def test_a_signature_is_read_without_importing_the_module(tmp_path):
    (tmp_path / "double.py").write_text(STAGE)
    assert command.signature(tmp_path / "double.py") == (
        "Double the rows.",
        (
            Option("params", "Params", "dotted name of a section of params.yaml, or a YAML file"),
            Option("rows", "Input", "numbers to double, over two lines"),
            Option("cell", "str", "word"),
            Option("more_rows", "Table", "table to write, checked against its contract"),
            Option("metrics", "Output", "file to write"),
            command.VALIDATION,
        ),
    )
    assert command.signature(tmp_path / "double.py").options[3].flag == "--more-rows"


def test_main_gets_arguments_of_the_annotated_types(arguments):
    double(**arguments)
    assert pq.read_table("out/more_rows.parquet")["n"].to_pylist() == [3, 6]
    assert '"section": "room.double"' in Path("out/metrics.json").read_text()
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "metrics.json",
        "more_rows.parquet",
        "validation.json",
    ]


def test_a_yaml_file_replaces_a_section(arguments):
    Path("knobs.yaml").write_text("factor: 5")
    double(**{**arguments, "params": "knobs.yaml"})
    assert pq.read_table("out/more_rows.parquet")["n"].to_pylist() == [5, 10]


def test_a_missing_input_is_named(arguments):
    with pytest.raises(StageError, match=r"^--rows: gone\.parquet does not exist$"):
        double(**{**arguments, "rows": "gone.parquet"})


def test_a_truncated_input_is_named(arguments):
    Path("cut.parquet").write_bytes(Path("rows.parquet").read_bytes()[:-9])
    with pytest.raises(StageError, match=r"^cut\.parquet is not a readable table: "):
        double(**{**arguments, "rows": "cut.parquet"})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metrics": "out"}, "--metrics: out is a folder: name a file"),
        ({"metrics": ""}, r"--metrics: \. is a folder: name a file"),
        ({"metrics": "out/validation.json"}, "--validation: out/validation.json is also --metrics"),
        ({"more_rows": "rows.parquet"}, "--more-rows: rows.parquet is also --rows: name another"),
    ],
)
def test_files_that_are_in_each_others_way_are_reported(arguments, changes, sentence):
    Path("out").mkdir()
    before = Path("rows.parquet").read_bytes()
    with pytest.raises(StageError, match=f"^{sentence}"):
        double(**{**arguments, **changes})
    assert list(Path("out").iterdir()) == []
    assert Path("rows.parquet").read_bytes() == before


def test_damaged_weights_are_named(arguments):
    Path("rows.safetensors").write_bytes(b"not weights")
    with pytest.raises(StageError, match=r"^rows\.safetensors is not a readable file of weights: "):
        double(**{**arguments, "rows": "rows.safetensors"})


def test_a_failed_cast_of_an_output_is_not_blamed_on_an_input(arguments):
    pq.write_table(pa.table({"n": ["a"]}), "rows.parquet")
    with pytest.raises(pa.ArrowInvalid):
        double(**arguments)
    assert list(Path("out").iterdir()) == []


def test_the_list_names_every_stage(capsys):
    assert command.run(["--help"]) == 0
    printed = capsys.readouterr().out
    assert "clustering.cluster " in printed
    assert "Cluster the words or documents of every embedding" in printed


def test_an_unknown_stage_is_named(capsys):
    assert command.run(["clustering.custer"]) == 2
    error = capsys.readouterr().err
    assert "no stage is called 'clustering.custer' (did you mean 'clustering.cluster'?)" in error


def test_a_mistyped_option_is_one_sentence(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.run(["clustering.cluster", "--parms", "x"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("clustering.cluster: the following arguments are required: --params")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("failure", "status", "sentence"),
    [
        (StageError("it is empty"), 1, "clustering.cluster: it is empty"),
        (OSError(errno.ENOSPC, "No space left on device", "a.parquet"), 1, "a.parquet: No space"),
        (pa.ArrowInvalid("bad page"), 1, "clustering.cluster: Arrow could not read or write"),
        (KeyError('Field "text" does not exist in schema'), 1, "an input has no column 'text'"),
        (KeyboardInterrupt(), 130, "clustering.cluster: interrupted"),
    ],
)
def test_a_failure_is_one_sentence_and_a_status(monkeypatch, capsys, failure, status, sentence):
    def main(**_):
        raise failure

    stage = types.SimpleNamespace(main=main)
    monkeypatch.setattr(command.importlib, "import_module", lambda name: stage)
    monkeypatch.setattr(command, "parse", lambda *_: {})
    assert command.run(["clustering.cluster"]) == status
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def stage_process(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "stages", "clustering.cluster", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_imports_no_library():
    imported = stage_process("--help").stderr
    assert not {"numpy", "pyarrow", "pydantic", "sklearn"} & set(imported.split())
