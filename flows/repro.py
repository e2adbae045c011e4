"""`dvc repro` of single stages, each in a process group of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

# What DVC says around the output of a stage; once per stage, it only hides what the stage says.
CHATTER = re.compile(
    r"$|Running stage '|(Generating|Updating) lock file '|To track the changes with git, run:"
    r"|\tgit add |To enable auto staging, run:|\tdvc config core.autostage |Use `dvc push` to send"
    r"|Having any troubles\?"
)
FAILED = "ERROR: failed to reproduce "
EXITED = re.compile(r", exited with (-?\d+)$")
LOCKED = re.compile(r"Unable to acquire lock|is busy, it is being blocked by")
GRACE_SECONDS = 5


class ReproError(Exception):
    """A stage failed; the message is the sentence it, or else DVC, ended with."""


class LockedError(Exception):
    """Another process of DVC works on the same files; nothing was run."""


class Repros:
    """The `dvc repro` that run now. Leaving its context stops them, so that none is orphaned."""

    def __init__(self) -> None:
        """Start with none."""
        self._processes: set[subprocess.Popen] = set()
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> "Repros":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what still runs and let nothing start any more."""
        with self._lock:
            self._closed = True
            processes = list(self._processes)
        _stop(processes)

    def run(
        self, name: str, force: bool, timeout_minutes: float, on_line: Callable[[str], None]
    ) -> None:
        """Run `dvc repro --single-item NAME` to its end.

        Args:
            name: The stage.
            force: Run it although nothing changed.
            timeout_minutes: After how long it is stopped.
            on_line: Takes each line of its output as it comes.

        Raises:
            ReproError: It failed or took too long.
            LockedError: It did not begin.
        """
        process = self._start(name, force)
        timed_out = threading.Event()

        def stop() -> None:
            timed_out.set()
            _stop([process])

        timer = threading.Timer(timeout_minutes * 60, stop)
        timer.start()
        said = failure = ""
        status = 0
        try:
            with process:
                for line in map(str.rstrip, process.stdout):
                    if line.startswith(FAILED):
                        failure = line
                    if failure and (exited := EXITED.search(line)):
                        status = int(exited[1])
                    elif not failure and not CHATTER.match(line):  # what follows it is advice
                        said = line
                        on_line(line)
        finally:
            timer.cancel()
            with self._lock:
                self._processes.discard(process)
        if process.returncode == 0:
            return
        if timed_out.is_set():
            raise ReproError(f"took longer than {timeout_minutes:g} min and was stopped")
        if LOCKED.search(failure):
            raise LockedError(failure)
        if ending := _signal_of(status):
            raise ReproError(f"killed by {ending}")
        if ending := _signal_of(process.returncode):
            raise ReproError(f"its dvc repro was killed by {ending}")
        # The last line of the stage says more than "failed to run: COMMAND, exited with 1".
        if not failure or ": failed to run: " in failure:
            failure = said or failure
        raise ReproError(failure)

    def _start(self, name: str, force: bool) -> subprocess.Popen:
        # The lock of the whole repository is held for moments only: waiting for it is cheap,
        # while failing to get it when a stage's work is done would throw that work away.
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", name]
        # Stages start by `python`: this one, whether or not its environment is activated.
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
                # Unbuffered: lines come when they are written.
                env={**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
            self._processes.add(process)
        return process


def _stop(processes: list[subprocess.Popen]) -> None:
    """Interrupt process groups as Ctrl-C does, then kill what is left of them."""
    for process in processes:
        _signal(process, signal.SIGINT)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        _signal(process, signal.SIGKILL)


def _signal_of(status: int) -> str:
    """Return which signal a process or, as shells put it, its child died of; "" for none."""
    try:
        number = signal.Signals(-status if status < 0 else status - 128)
    except ValueError:
        return ""
    because = "; the kernel does this when memory runs out" if number == signal.SIGKILL else ""
    return f"signal {number.value} ({number.name}){because}"


def _signal(process: subprocess.Popen, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
