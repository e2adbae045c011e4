"""A stage in a fork of the stage server does what it does in a process of its own."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import start_server
from tiny import ROOT

from stages.text.contracts import DOCUMENTS

TOKENIZE = {
    "lowercase": True, "keep_punctuation": False, "min_count": 1, "max_words": 1000,
    "korean": {"morphemes": "content", "part_of_speech": False, "correct_typos": False,
               "correct_spacing": False},
}  # fmt: skip
CORPUS = {
    "title": "t", "licence": "-", "language": "english", "min_words": 1, "markup": "none",
    "sources": [{"path": "none.txt"}],
}  # fmt: skip
COMMAND = [
    *("text.tokenize", "--params", "text.tokenize", "--workers", "1", "--corpus", "corpus.yaml"),
    *("--korean-words", "words.tsv", "--documents", "documents.parquet"),
    *("--tokens", "out/tokens.parquet", "--vocabulary", "out/vocabulary.parquet"),
    *("--metrics", "out/metrics.json", "--validation", "out/validation.json"),
]
# A stage that waits until it is told to go on.
WAITING = '''
"""Wait."""

import time

from stages.core.command import Input, command
from stages.core.outputs import Output


@command
def main(*, go: Input, metrics: Output) -> None:
    """Wait for a file."""
    metrics.path.write_text("half")
    (go / "here").touch()
    while not (go / "on").exists():
        time.sleep(0.01)
    metrics.write_json({"edited": False})
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a copy of the stages and the inputs of one of them."""
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pyc*"))
    (tmp_path / "stages/text/wait.py").write_text(WAITING)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"text": {"tokenize": TOKENIZE}}))
    (tmp_path / "corpus.yaml").write_text(yaml.safe_dump(CORPUS))
    (tmp_path / "words.tsv").touch()
    splits = ["train", "train", "validation", "test"]
    rows = [[f"d{n}" for n in range(4)], splits, ["A cat sat. A dog ran."] * 4, [None] * 4]
    pq.write_table(pa.table(rows, schema=DOCUMENTS.schema), tmp_path / "documents.parquet")
    return tmp_path


@pytest.fixture
def server(tmp_path_factory, monkeypatch) -> Iterator[psutil.Process]:
    """A server for one test."""
    socket = tmp_path_factory.mktemp("own") / "socket"
    monkeypatch.setenv("ETUDE_SERVER", str(socket))
    with start_server(socket) as process:
        yield psutil.Process(process.pid)
        process.stdin.close()
        assert process.wait(20) in (0, -signal.SIGKILL)


def start(project: Path, *command: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stages", *command],
        cwd=project,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, error = process.communicate(timeout=60)
    return process.returncode, output, error


def outputs(project: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((project / "out").iterdir())}


def await_file(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.01)


def waiting(project: Path) -> subprocess.Popen[str]:
    """Start the stage that waits, and return when it does."""
    (project / "go").mkdir(exist_ok=True)
    process = start(project, "text.wait", "--go", "go", "--metrics", "out/metrics.json")
    await_file(project / "go/here")
    return process


def test_a_stage_writes_the_same_bytes_with_and_without_a_server(project, server):
    assert finish(start(project, *COMMAND))[0] == 0
    forked = outputs(project)
    shutil.rmtree(project / "out")
    assert finish(start(project, *COMMAND, ETUDE_SERVER="nowhere"))[0] == 0
    assert outputs(project) == forked
    assert len(forked) == 4


def test_it_runs_in_a_fork(project, server):
    process = waiting(project)
    (fork,) = server.children()
    assert fork.cwd() == str(project)
    assert fork.num_threads() >= 1
    (project / "go/on").touch()
    assert finish(process) == (0, "", "")
    assert server.num_threads() == 1, "threads would not survive the next fork"


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        (["text.tokenise", "--x", "y"], 2, "no stage is called 'text.tokenise' (did you mean"),
        (["text.tokenize", "--x", "y"], 2, "text.tokenize: the following arguments are required"),
        (
            [*COMMAND[:-2], "--validation", "documents.parquet"],
            1,
            "--documents: documents.parquet is also --validation",
        ),
    ],
)
def test_a_mistake_reads_the_same(project, server, command, status, message):
    forked = finish(start(project, *command))
    assert forked == finish(start(project, *command, ETUDE_SERVER="nowhere"))
    assert forked[:2] == (status, "")
    assert message.split("--documents")[0] in forked[2]


def test_an_edited_stage_runs_as_edited(project, server):
    (project / "go").mkdir()
    (project / "go/on").touch()
    command = ["text.wait", "--go", "go", "--metrics", "out/metrics.json"]
    assert finish(start(project, *command))[0] == 0
    file = project / "stages/text/wait.py"
    file.write_text(file.read_text().replace("False", "True"))
    assert finish(start(project, *command))[0] == 0
    assert "true" in (project / "out/metrics.json").read_text()


def test_a_server_imports_no_module_of_the_project(project, server):
    assert finish(start(project, *COMMAND))[0] == 0
    mapped = {Path(file.path).name for file in server.memory_maps()}
    assert any("libarrow" in name for name in mapped), "it has imported the library of the stage"
    (project / "stages/core/errors.py").write_text("1/0")
    status, _, error = finish(start(project, *COMMAND))
    assert status == 1
    assert "ZeroDivisionError" in error


def test_ctrl_c_reaches_the_stage(project, server):
    process = waiting(project)
    process.send_signal(signal.SIGINT)
    assert finish(process) == (130, "", "text.wait: interrupted; nothing was written\n")
    assert outputs(project) == {}


def test_a_stopped_stage_goes_on(project, server):
    process = waiting(project)
    (fork,) = server.children()
    process.send_signal(signal.SIGTSTP)
    end = time.monotonic() + 20
    while fork.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGCONT)
    (project / "go/on").touch()
    assert finish(process)[0] == 0


def test_the_signal_that_kills_a_stage_is_in_its_status(project, server):
    process = waiting(project)
    (fork,) = server.children()
    fork.kill()
    assert finish(process)[0] == 128 + signal.SIGKILL


def test_a_stage_ends_with_its_client(project, server):
    process = waiting(project)
    (fork,) = server.children()
    process.kill()
    fork.wait(20)
    assert not (project / "out/metrics.json").exists()


def test_a_stage_ends_with_the_server(project, server):
    process = waiting(project)
    (fork,) = server.children()
    server.kill()
    fork.wait(20)
    message = "text.wait: the stage server was killed; run it again\n"
    assert finish(process) == (1, "", message)
    (project / "go/on").touch()
    again = start(project, "text.wait", "--go", "go", "--metrics", "out/metrics.json")
    assert finish(again)[0] == 0, "a socket without a server is no obstacle"
    assert list(outputs(project)) == ["metrics.json"], "nothing half-written is left"


def test_a_server_whose_starter_ends_finishes_what_it_has_begun(project, tmp_path, monkeypatch):
    socket = tmp_path / "socket"
    monkeypatch.setenv("ETUDE_SERVER", str(socket))
    with start_server(socket) as own:
        process = waiting(project)
        own.stdin.close()
        end = time.monotonic() + 20
        while socket.exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        (project / "go/on").touch()
        assert finish(process)[0] == 0
        assert own.wait(20) == 0


@pytest.mark.parametrize("variable", ["PYTHONHASHSEED", "OPENBLAS_CORETYPE", "PYTHONPATH"])
def test_another_environment_needs_another_process(project, server, variable):
    (project / "go").mkdir()
    (project / "go/on").touch()
    command = ["text.wait", "--go", "go", "--metrics", "out/metrics.json"]
    assert finish(start(project, *command, **{variable: "5"})) == (0, "", "")
    refused = f"stage server: refused ['text.wait']: {variable} differs\n"
    # A stage always has the same hash seed.
    log = Path(os.environ["ETUDE_SERVER"]).with_suffix(".log")
    assert log.read_text() == ("" if variable == "PYTHONHASHSEED" else refused)


def test_a_second_server_does_not_replace_the_first(server):
    second = subprocess.run(
        [sys.executable, "-m", "stages.server"], cwd=ROOT, capture_output=True, text=True
    )
    assert second.returncode == 0
    assert second.stdout.startswith("a stage server already runs at ")
    assert server.is_running()


@pytest.mark.parametrize("victim", ["client", "fork", "server"])
def test_kill_9_at_random_moments(project, tmp_path_factory, monkeypatch, victim):
    """No process is left, no output is half-written, and the next run gives the same bytes."""
    assert finish(start(project, *COMMAND, ETUDE_SERVER="nowhere"))[0] == 0
    expected = outputs(project)
    draw = random.Random(victim)
    socket = tmp_path_factory.mktemp("killed") / "socket"
    monkeypatch.setenv("ETUDE_SERVER", str(socket))
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(start_server(socket))
        finish(start(project, *COMMAND))  # which imports the libraries
        for _ in range(6 if victim == "server" else 7):  # 20 in all
            shutil.rmtree(project / "out")
            server = psutil.Process(process.pid)
            client = start(project, *COMMAND)
            time.sleep(draw.uniform(0, 1))
            forks = server.children()
            for killed in {"client": [client], "fork": forks, "server": [server]}[victim]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    killed.kill()
            status, _, _ = finish(client)
            _, alive = psutil.wait_procs(forks, timeout=20)
            assert not alive
            left = outputs(project) if (project / "out").exists() else {}
            written = {name: left[name] for name in left if not name.endswith(".partial")}
            assert written in ({}, expected) or status != 0
            assert written.items() <= expected.items()
            if victim == "server":
                process = stack.enter_context(start_server(socket))
            assert finish(start(project, *COMMAND))[0] == 0
            assert outputs(project) == expected
        process.stdin.close()
