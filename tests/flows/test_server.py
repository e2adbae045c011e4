"""The temporary server: locking, shutdown, kept records and proxies."""

import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from flows.server import HISTORY_DAYS, Server

PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _handler():
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


def python(code: str, *arguments: str, **settings: str) -> subprocess.Popen:
    """Start a program that can import `flows`."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
    )


def is_locked(path: Path) -> bool:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_servers_on_the_same_database_start_one_after_another(tmp_path):
    database = tmp_path / "prefect.db"
    with database.with_suffix(".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        threading.Timer(1, lambda: fcntl.flock(other, fcntl.LOCK_UN)).start()
        before = time.monotonic()
        server = Server(database)
        assert time.monotonic() - before > 0.9
    assert is_locked(database.with_suffix(".lock"))
    server.wait()
    assert not is_locked(database.with_suffix(".lock"))
    server.stop()


def test_a_server_ends_with_a_killed_run_and_keeps_the_lock_until_then(tmp_path):
    code = """
import sys
from pathlib import Path
from flows.server import Server
server = Server(Path(sys.argv[1]))
print(server.process.pid, flush=True)
server.wait()
"""
    with python(code, str(tmp_path / "prefect.db")) as run:
        server = psutil.Process(int(run.stdout.readline()))
        run.kill()  # before the server has set up its database
    assert is_locked(tmp_path / "prefect.lock")
    psutil.wait_procs([server], timeout=60)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
    assert not is_locked(tmp_path / "prefect.lock")


def test_the_error_of_a_damaged_database_names_the_file(tmp_path):
    (tmp_path / "prefect.db").write_text("not a database")
    server = Server(tmp_path / "prefect.db")
    with pytest.raises(
        RuntimeError, match=r"prefect\.db is damaged or from another version .*: remove"
    ):
        server.wait()


def test_any_other_failure_is_reported_with_its_own_message(tmp_path):
    (tmp_path / "prefect.db").mkdir()
    server = Server(tmp_path / "prefect.db")
    with pytest.raises(RuntimeError, match=r"unable to open database file; .*prefect\.log$"):
        server.wait()


def test_runs_of_the_last_weeks_are_kept_and_older_ones_deleted(tmp_path):
    server = Server(tmp_path / "prefect.db")
    server.wait()

    def post(path: str, **body) -> dict | list:
        request = urllib.request.Request(
            server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        for _ in range(60):
            try:
                with urllib.request.urlopen(request) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 503:  # the database is busy: Prefect asks to try again
                    raise
            time.sleep(0.5)
        pytest.fail("the server stayed busy for half a minute")

    flow = post("/flows/", name="text")["id"]
    running = {"type": "RUNNING"}
    new, old = (post("/flow_runs/", flow_id=flow, state=running)["id"] for _ in range(2))
    past = datetime.now(UTC) - timedelta(days=HISTORY_DAYS + 1)
    with sqlite3.connect(tmp_path / "prefect.db") as records:
        records.execute(
            "UPDATE flow_run SET start_time = ? WHERE id = ?", (f"{past:%F %T.%f}", old)
        )
    server.prune()
    assert [run["id"] for run in post("/flow_runs/filter")] == [new]
    server.stop()


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"no_proxy": "", "NO_PROXY": ""}, []),
        ({"no_proxy": "a.example, b.example"}, ["a.example", "b.example"]),
        ({"NO_PROXY": "a.example,127.0.0.1"}, ["a.example", "127.0.0.1"]),
        ({"no_proxy": "*"}, ["*"]),
    ],
)
def test_requests_to_this_machine_bypass_the_proxy_and_existing_settings_are_kept(
    monkeypatch, settings, kept
):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    code = """
import urllib.request, flows, httpx
hosts = ("http://127.0.0.1:4200/api", "http://localhost:4200/api")
client = httpx.Client()
assert all(urllib.request.proxy_bypass(host.split("/")[2]) for host in hosts)
assert all(client._transport_for_url(httpx.URL(host)) is client._transport for host in hosts)
print(urllib.request.getproxies()["no"])
"""
    with python(code, http_proxy="http://127.0.0.1:9", **settings) as program:
        hosts = program.stdout.read().strip().split(",")
    assert program.returncode == 0
    assert hosts[: len(kept)] == kept
    assert len(hosts) == len(set(hosts))
