"""The Prefect server of a run that was given none.

`python -m flows.server PORT` is that server.
"""

import atexit
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

START_SECONDS = 120  # the first start on a busy machine takes ten, to set up the database
STOP_SECONDS = 5
HISTORY_DAYS = 30


class Server:
    """A Prefect server as Prefect itself starts one, without pages and schedules; ends at exit.

    Four things differ. It starts beside the import of Prefect, which saves about four seconds. It
    has a process group of its own: a Ctrl-C or a `kill` of the whole group would end it before
    it is told how the run ended, and the flow would look for it for a minute. What it says goes
    into a file: where the disk is full, it says thousands of lines. And it ends with the process
    that started it, even one that is killed: its standard input is a pipe that then closes.

    Attributes:
        url: What PREFECT_API_URL has to be.
        process: The server itself.
    """

    def __init__(self, database: Path) -> None:
        """Start it, with its records in the SQLite file `database`.

        Raises:
            OSError: The files beside the database cannot be written.
        """
        self._database = database
        self._log = database.with_suffix(".log")
        # Two first starts at once would both set up the database and break it. The server holds
        # the lock as well: it goes on for a moment when this process is killed.
        self._starts = database.with_suffix(".lock").open("w")
        fcntl.flock(self._starts, fcntl.LOCK_EX)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api"
        self._log.write_bytes(b"")
        with self._log.open("ab") as log:  # to append: servers of other runs write there too
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.server", str(port)],
                env={
                    "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database}",
                    **os.environ,
                    "PREFECT__SERVER_EPHEMERAL": "1",
                },
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[self._starts.fileno()],
                start_new_session=True,
            )
        atexit.register(self.stop)  # before Prefect is imported: after its last words, then
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def wait(self) -> None:
        """Return when it answers.

        Raises:
            RuntimeError: It ended or kept silent.
        """
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"Prefect's server did not answer within {START_SECONDS} s; what it said is "
                    f"in {self._log}"
                )
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=START_SECONDS):
                    fcntl.flock(self._starts, fcntl.LOCK_UN)
                    self._starts.close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError(f"Prefect's server did not start: {self._reason()}")

    def prune(self) -> None:
        """Delete what it knows of runs that are long past, at most 50 at a time."""
        past = datetime.now(UTC) - timedelta(days=HISTORY_DAYS)
        request = urllib.request.Request(
            f"{self.url}/flow_runs/bulk_delete",
            json.dumps({"flow_runs": {"start_time": {"before_": past.isoformat()}}}).encode(),
            {"Content-Type": "application/json"},
        )
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=START_SECONDS):
            pass  # a run does not depend on it

    def _reason(self) -> str:
        said = self._log.read_text(errors="replace")
        if "sqlite3.DatabaseError" in said or "alembic.util.exc" in said:
            return f"its records are damaged or of another version; remove {self._database}"
        errors = [
            line for line in said.splitlines() if re.match(r"[\w.]+(Error|Exception): ", line)
        ]
        return f"{errors[-1]}; the rest is in {self._log}" if errors else f"see {self._log}"

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()


def serve(port: int) -> None:
    """Be the server at `port` of this machine until told to stop or standard input closes."""
    import uvicorn

    def watch() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)  # in its own time: it may be setting up the database
        time.sleep(START_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    application = "prefect.server.api.server:create_app"
    uvicorn.run(application, factory=True, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
