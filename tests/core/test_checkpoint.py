import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.core.checkpoint import Checkpoint
from stages.core.outputs import Staging
from stages.core.params import Params


class NoParams(Params):
    pass


@pytest.fixture
def checkpoint(tmp_path):
    output = Staging().output(tmp_path / "model.safetensors")
    return Checkpoint(output, NoParams(), [], Path(__file__))


def test_two_processes_do_not_share_a_partial_checkpoint(checkpoint, tmp_path):
    other = tmp_path / f"model.safetensors.checkpoint.{os.getppid()}.partial"
    other.write_bytes(b"half")
    checkpoint.save_arrays({"weights": np.arange(3)}, {"epoch": 1})
    arrays, progress = checkpoint.restore_arrays()
    assert arrays["weights"].tolist() == [0, 1, 2]
    assert progress == {"epoch": 1}
    assert set(tmp_path.iterdir()) == {other, checkpoint.path}


def test_the_partial_file_of_a_killed_training_is_removed_with_the_next_checkpoint(
    checkpoint, tmp_path
):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    (tmp_path / f"model.safetensors.checkpoint.{gone.pid}.partial").write_bytes(b"half")
    checkpoint.save_arrays({"weights": np.arange(3)}, {"epoch": 1})
    assert list(tmp_path.iterdir()) == [checkpoint.path]


def test_a_checkpoint_of_another_cell_is_not_continued(tmp_path):
    def of_cell(cell):
        output = Staging(words={"cell": cell}).output(tmp_path / "model.safetensors")
        return Checkpoint(output, NoParams(), [], Path(__file__))

    of_cell("rnn").save_arrays({"weights": np.arange(3)}, {"epoch": 1})
    assert of_cell("gru").restore_arrays() is None
    assert of_cell("rnn").restore_arrays() is not None
