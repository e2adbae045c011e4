"""A temporary Prefect server, for a run without PREFECT_API_URL.

`python -m flows.server PORT` is its process.
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

START_SECONDS = 120  # the first start sets up the database: ten seconds on a busy machine
STOP_SECONDS = 5
HISTORY_DAYS = 30


class Server:
    """A temporary Prefect server without web pages and scheduler, which ends with this process.

    It differs in four ways from the one that Prefect itself would start. It starts while Prefect is
    imported, which saves about four seconds. It has its own process group: otherwise a Ctrl-C or a
    `kill` of the whole group would end it before the flow reports how the run ended, and the flow
    would retry for a minute. It logs to a file, because on a full disk it writes thousands of
    lines. It ends even if the process that started it is killed: its standard input is a pipe that
    then closes.

    Attributes:
        url: value for PREFECT_API_URL.
        process: server process.
    """

    def __init__(self, database: Path) -> None:
        """Start the server with the SQLite file `database`.

        Raises:
            OSError: the lock or the log beside the database cannot be written.
        """
        self._database = database
        self._log = database.with_suffix(".log")
        # Two servers that set up the database at the same time would break it. The server inherits
        # the lock, because it outlives this process for a moment if this process is killed.
        self._lock = database.with_suffix(".lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api"
        self._log.write_bytes(b"")
        with self._log.open("ab") as log:  # servers of other runs append to it, too
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
                pass_fds=[self._lock.fileno()],
                start_new_session=True,
            )
        atexit.register(self.stop)  # registered before Prefect's own handlers: runs after them
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def wait(self) -> None:
        """Wait until the server answers.

        Raises:
            RuntimeError: the server ended or did not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"the Prefect server did not answer within {START_SECONDS} s; its log is "
                    f"{self._log}"
                )
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=START_SECONDS):
                    fcntl.flock(self._lock, fcntl.LOCK_UN)
                    self._lock.close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError(f"the Prefect server did not start: {self._reason()}")

    def prune(self) -> None:
        """Delete the records of runs older than HISTORY_DAYS, at most 50 of them."""
        past = datetime.now(UTC) - timedelta(days=HISTORY_DAYS)
        request = urllib.request.Request(
            f"{self.url}/flow_runs/bulk_delete",
            json.dumps({"flow_runs": {"start_time": {"before_": past.isoformat()}}}).encode(),
            {"Content-Type": "application/json"},
        )
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=START_SECONDS):
            pass  # the run does not depend on it

    def _reason(self) -> str:
        log = self._log.read_text(errors="replace")
        if "sqlite3.DatabaseError" in log or "alembic.util.exc" in log:
            return f"{self._database} is damaged or from another version of Prefect: remove it"
        errors = [line for line in log.splitlines() if re.match(r"[\w.]+(Error|Exception): ", line)]
        return f"{errors[-1]}; the rest is in {self._log}" if errors else f"see {self._log}"

    def stop(self) -> None:
        """Stop the server."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()


def serve(port: int) -> None:
    """Serve at `port` of this machine until a signal arrives or standard input closes."""
    import uvicorn

    def watch() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)  # a clean stop: it may be setting up the database
        time.sleep(START_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    application = "prefect.server.api.server:create_app"
    uvicorn.run(application, factory=True, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
