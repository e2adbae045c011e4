"""A small DVC project, and a Prefect server for the tests that run its flows."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.server import Server

FLOWS = Path(__file__).parents[2] / "flows"

# What a stage does that the project's own `python -m stages ROOM.STAGE INPUTS... OUTPUT` starts: it
# writes its start and its end into a journal. A test makes it behave differently by a file that DVC
# does not track.
STAGES = """
import json, os, signal, sys, time
from pathlib import Path

def note(event):
    with open("journal", "a") as journal:
        journal.write(f"{name} {event} {os.getpid()}\\\\n")

if sys.argv[1] == "check":
    sys.exit()
stage, *inputs, output = sys.argv[1:]
name = Path(output).name
note("starts")
print(f"{name} says hello")
behaviour = Path("behaviour.json")
do = json.loads(behaviour.read_text()).get(name, "") if behaviour.exists() else ""
if do == "hang":
    time.sleep(600)
if do == "ignore interrupt":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(20)
if do == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if do == "kill dvc":
    (writer,) = json.loads(Path(".dvc/tmp/rwlock").read_text())["write"].values()
    os.kill(writer["pid"], signal.SIGKILL)
if do == "fail" or do == "fail once" and not Path(f"{name}.failed").exists():
    Path(f"{name}.failed").touch()
    sys.exit(f"{stage}: cannot write {name}")
if do.startswith("meet "):
    Path(f"{name}.here").touch()
    end = time.monotonic() + 30
    while not Path(f"{do.split()[1]}.here").exists():
        if time.monotonic() > end:
            sys.exit("waited in vain")
        time.sleep(0.02)
Path(output).parent.mkdir(parents=True, exist_ok=True)
Path(output).write_text(stage + "".join(Path(path).read_text() for path in inputs))
note("ends")
""".replace("\\\\n", "\\n")

DVC_YAML = """
stages:
  collect:
    cmd: python -m stages text.collect data/documents
    params: [text.corpus]
    outs: [data/documents]
  train:
    foreach: [cbow, skipgram]
    do:
      cmd: python -m stages embedding.train data/documents data/${item}
      deps: [data/documents]
      params: ["embedding.${item}"]
      outs: ["data/${item}"]
  compose:
    cmd: python -m stages music.compose data/music
    params: [music.compose]
    outs: [data/music]
  score:
    cmd: python -m stages music.score data/music data/scores
    deps: [data/music]
    outs: [data/scores]
  render:
    cmd: python -m stages report.render data/cbow data/skipgram data/scores reports/index.html
    deps: [data/cbow, data/skipgram, data/scores]
    outs: [reports/index.html]
"""

PARAMS_YAML = """
text: {corpus: embedded}
embedding: {cbow: 1, skipgram: 1}
music: {compose: 1}
"""


@dataclass(frozen=True)
class Toy:
    """A DVC project in the current directory.

    Attributes:
        folder: its path.
    """

    folder: Path

    def behave(self, **outputs: str) -> None:
        """Change the behaviour of the stages that write `outputs`."""
        (self.folder / "behaviour.json").write_text(json.dumps(outputs))

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that occurs exactly once in a file."""
        text = (self.folder / file).read_text()
        assert text.count(old) == 1
        (self.folder / file).write_text(text.replace(old, new))

    @property
    def journal(self) -> list[tuple[str, str, int]]:
        """Name of the output, start or end of its stage, and process id, for each event."""
        lines = (self.folder / "journal").read_text().splitlines()
        return [(name, event, int(pid)) for name, event, pid in map(str.split, lines)]

    @property
    def started(self) -> list[str]:
        """Names of the outputs, in the order in which their stages started."""
        return [name for name, event, _ in self.journal if event == "starts"]

    def forget(self) -> None:
        """Start a new journal."""
        (self.folder / "journal").write_text("")


def dvc(folder: Path, *arguments: str) -> None:
    """Run a command of DVC."""
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=folder, check=True)


@pytest.fixture(scope="session", autouse=True)
def _python_on_path() -> Iterator[None]:
    """Make the stages run in the Python that runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has never run."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    dvc(folder, "init", "-q")
    dvc(folder, "config", "core.analytics", "false")
    (folder / "stages").mkdir()
    (folder / "stages" / "run.py").write_text(STAGES)
    for name in ("__main__.py", "client.py", "server.py", "core"):
        (folder / "stages" / name).symlink_to(FLOWS.parent / "stages" / name)
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "params.yaml").write_text(PARAMS_YAML)
    (folder / "conf").mkdir()
    (folder / "conf/execution.yaml").touch()  # no stage has a number of workers
    (folder / "journal").touch()
    (folder / "flows").symlink_to(FLOWS)
    (folder / "pyproject.toml").symlink_to(FLOWS.parent / "pyproject.toml")  # Prefect's settings
    return folder


@pytest.fixture(scope="session")
def reproduced(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same project after `dvc repro`."""
    folder = tmp_path_factory.mktemp("reproduced") / "toy"
    shutil.copytree(fresh, folder, symlinks=True)
    dvc(folder, "repro", "-q")
    return folder


@pytest.fixture
def toy(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A copy of the project that has never run."""
    return _copy(fresh, tmp_path, monkeypatch)


@pytest.fixture
def done(reproduced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A copy of the project that is up to date."""
    copy = _copy(reproduced, tmp_path, monkeypatch)
    copy.forget()
    return copy


def _copy(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    folder = tmp_path / "toy"
    shutil.copytree(project, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return Toy(folder)


@pytest.fixture
def blocker(toy: Toy) -> Iterator[subprocess.Popen]:
    """A process that, according to DVC's locks, writes the output of `collect`."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        writer = {"pid": process.pid, "cmd": "dvc repro collect"}
        locks = {"read": {}, "write": {os.path.abspath("data/documents"): writer}}
        Path(".dvc/tmp/rwlock").write_text(json.dumps(locks))
        yield process
        process.kill()


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prefect server, which flows in this process use as well."""
    handler = signal.getsignal(signal.SIGTERM)
    server = Server(tmp_path_factory.mktemp("prefect") / "prefect.db")
    signal.signal(signal.SIGTERM, handler)
    server.wait()

    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: server.url}):
        yield server.url
