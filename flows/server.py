"""The Prefect server of a run that was given none."""

import atexit
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

START_SECONDS = 120  # the first start on a busy machine takes ten, to set up the database
STOP_SECONDS = 5


class Server:
    """A Prefect server as Prefect itself starts one, without pages and schedules; ends at exit.

    Two things differ. It starts beside the import of Prefect, which saves about four seconds. And
    it has a process group of its own: a Ctrl-C or a `kill` of the whole group would end it before
    it is told how the run ended, and the flow would look for it for a minute.

    Attributes:
        url: What PREFECT_API_URL has to be.
    """

    def __init__(self, database: Path) -> None:
        """Start it, with its records in the SQLite file `database`."""
        self._database = database
        # Two first starts at once would both set up the database and break it.
        self._starts = database.with_suffix(".lock").open("w")
        fcntl.flock(self._starts, fcntl.LOCK_EX)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api"
        command = [sys.executable, "-m", "uvicorn", "--factory"]
        command += ["prefect.server.api.server:create_app", "--log-level", "error"]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        self._process = subprocess.Popen(
            command,
            env={
                "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database}",
                **os.environ,
                "PREFECT__SERVER_EPHEMERAL": "1",
            },
            start_new_session=True,
        )
        atexit.register(self._stop)  # before Prefect is imported: after its last words, then
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def wait(self) -> None:
        """Return when it answers.

        Raises:
            RuntimeError: It ended or kept silent.
        """
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=START_SECONDS):
                    self._starts.close()
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(
            f"Prefect's server did not start; if its records are broken, remove {self._database}"
        )

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
