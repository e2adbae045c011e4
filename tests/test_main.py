import errno
import os
import subprocess
import sys
import types

import pytest

import stages.__main__ as command
from stages.core.errors import StageError


def test_help_lists_every_stage(capsys):
    assert command.run(["--help"]) == 0
    printed = capsys.readouterr().out
    assert "text.collect " in printed
    assert "Collect a corpus" in printed


def test_unknown_stage_is_told(capsys):
    assert command.run(["text.colect"]) == 2
    assert "no stage is called 'text.colect'; there are: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("failure", "status", "sentence"),
    [
        (StageError("corpus 'x' is empty"), 1, "text.collect: corpus 'x' is empty"),
        (OSError(errno.ENOSPC, "No space left on device", "a.parquet"), 1, "a.parquet: No space"),
        (KeyboardInterrupt(), 130, "text.collect: interrupted"),
    ],
)
def test_failure_is_one_sentence_and_a_status(monkeypatch, capsys, failure, status, sentence):
    def main(argv):
        raise failure

    stage = types.SimpleNamespace(main=main)
    monkeypatch.setattr(command.importlib, "import_module", lambda name: stage)
    assert command.run(["text.collect"]) == status
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_stage_runs_in_a_fixed_environment(tmp_path):
    """The command starts itself anew where its environment differs from the fixed one."""
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    started = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "stages", "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert started.stderr.count("stages.errors") == 2
