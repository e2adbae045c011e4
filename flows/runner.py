"""`dvc repro` of single stages, each in its own process group."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

# DVC's own lines around the output of a stage; once per stage, they would hide that output.
CHATTER = re.compile(
    r"$|Running stage '|(Generating|Updating) lock file '|To track the changes with git, run:"
    r"|\tgit add |To enable auto staging, run:|\tdvc config core.autostage |Use `dvc push` to send"
    r"|Having any troubles\?|Data and pipelines are up to date\.|Stage '.*' didn't change, skipping"
)
FAILED = "ERROR: failed to reproduce "
EXITED = re.compile(r", exited with (-?\d+)$")
LOCKED = re.compile(r"Unable to acquire lock|is busy, it is being blocked by")
GRACE_SECONDS = 5


class ReproError(Exception):
    """A stage failed; the message is the last line of the stage, or else of DVC."""


class LockedError(Exception):
    """Another DVC process uses the same files; nothing was run."""


@contextlib.contextmanager
def stage_server() -> Iterator[None]:
    """Run a stage server during the block, unless there is one; `stages/server.py` explains it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        if b"listens" not in process.stdout.readline():
            process.wait()  # there is another
        yield
    finally:
        # It would end by itself after its last fork; here, it has none left.
        process.communicate()


class StageRunner:
    """Runs stages by `dvc repro`; leaving its context stops them, so that none is orphaned."""

    def __init__(self) -> None:
        self._processes: set[subprocess.Popen] = set()
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> "StageRunner":
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the running stages and refuse to start more."""
        with self._lock:
            self._closed = True
            processes = list(self._processes)
        _stop(processes)

    def run(
        self, name: str, force: bool, timeout_minutes: float, on_line: Callable[[str], None]
    ) -> bool:
        """Run `dvc repro --single-item NAME`, wait, and return whether DVC found a change.

        Args:
            name: name of the stage.
            force: whether to run the stage even if it is unchanged.
            timeout_minutes: time limit, minutes.
            on_line: function called with each line of output.

        Raises:
            ReproError: the stage failed or took too long.
            LockedError: another DVC process uses the files of the stage.
        """
        process = self._start(name, force)
        timed_out = threading.Event()

        def stop() -> None:
            timed_out.set()
            _stop([process])

        timer = threading.Timer(timeout_minutes * 60, stop)
        timer.start()
        last_line = failure = ""
        status = 0
        is_unchanged = False
        try:
            with process:
                for line in map(str.rstrip, process.stdout):
                    is_unchanged |= line == f"Stage '{name}' didn't change, skipping"
                    if line.startswith(FAILED):
                        failure = line
                    if failure and (exited := EXITED.search(line)):
                        status = int(exited[1])
                    elif not failure and not CHATTER.match(line):  # DVC's advice follows a failure
                        last_line = line
                        on_line(line)
        finally:
            timer.cancel()
            with self._lock:
                self._processes.discard(process)
        if process.returncode == 0:
            return not is_unchanged
        if timed_out.is_set():
            raise ReproError(f"took longer than {timeout_minutes:g} min and was stopped")
        if LOCKED.search(failure):
            raise LockedError(failure)
        if cause := _describe_signal(status):
            raise ReproError(f"killed by {cause}")
        if cause := _describe_signal(process.returncode):
            raise ReproError(f"its dvc repro was killed by {cause}")
        # The last line of the stage says more than "failed to run: COMMAND, exited with 1".
        if not failure or ": failed to run: " in failure:
            failure = last_line or failure
        raise ReproError(failure)

    def _start(self, name: str, force: bool) -> subprocess.Popen:
        # `stages.client` asks the stage server, if there is one, to fork instead of importing DVC.
        command = [sys.executable, "-m", "stages.client", "flows.repro", "--single-item", name]
        # `python` in a command is this interpreter, even if its environment is not activated.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        with self._lock:
            if self._closed:
                raise ReproError("not started: the flow was stopped")
            process = subprocess.Popen(
                command + ["--force"] * force,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
                # Unbuffered, so that lines arrive as they are written.
                env={**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
            self._processes.add(process)
        return process


def _stop(processes: list[subprocess.Popen]) -> None:
    """Interrupt process groups as Ctrl-C does, then kill those that remain."""
    for process in processes:
        _signal(process, signal.SIGINT)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        _signal(process, signal.SIGKILL)


def _describe_signal(status: int) -> str:
    """Describe the signal that an exit status reports; "" for none.

    The status is -n for a process that died of signal n, and 128 + n where a shell reports it.
    """
    try:
        signum = signal.Signals(-status if status < 0 else status - 128)
    except ValueError:
        return ""
    hint = "; the kernel does this when memory runs out" if signum == signal.SIGKILL else ""
    return f"signal {signum.value} ({signum.name}){hint}"


def _signal(process: subprocess.Popen, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signum)
