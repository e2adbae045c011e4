"""The flows, with real DVC and a real Prefect server."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

pytestmark = pytest.mark.usefixtures("api")


@pytest.fixture
def pipeline(monkeypatch):
    """The flows, on a machine with two threads."""
    from flows import pipeline

    monkeypatch.setattr(pipeline, "machine_threads", lambda: 2)
    return pipeline


def lock(folder: Path) -> dict:
    """Return the content of dvc.lock."""
    return yaml.safe_load((folder / "dvc.lock").read_text())


def test_stages_run_once_in_order_and_write_the_same_lock_as_dvc_repro(toy, reproduced, pipeline):
    state = pipeline.everything(return_state=True)
    assert state.is_completed()
    assert state.message == "6 done, 0 cached"
    assert lock(toy.folder) == lock(reproduced)
    assert list(lock(toy.folder)["stages"]) == [
        "collect", "train@cbow", "train@skipgram", "compose", "score", "render"
    ]  # fmt: skip
    events = [(name, event) for name, event, _ in toy.journal]
    assert len(events) == 12
    for name, needs in {
        "cbow": ["documents"],
        "skipgram": ["documents"],
        "scores": ["music"],
        "index.html": ["cbow", "skipgram", "scores"],
    }.items():
        for need in needs:
            assert events.index((need, "ends")) < events.index((name, "starts"))


def test_independent_stages_run_at_the_same_time(done, pipeline):
    done.behave(cbow="meet skipgram", skipgram="meet cbow")
    done.edit("params.yaml", "cbow: 1, skipgram: 1", "cbow: 2, skipgram: 2")
    assert pipeline.everything(return_state=True).is_completed()


def test_a_stage_that_uses_all_threads_runs_alone(done, pipeline):
    done.edit("dvc.yaml", "    do:\n", "    do:\n      meta: {threads: 8}\n")
    done.edit("params.yaml", "cbow: 1, skipgram: 1", "cbow: 2, skipgram: 2")
    assert pipeline.text(return_state=True).is_completed()
    events = [event for _, event, _ in done.journal]
    assert events == ["starts", "ends"] * 2


@pytest.mark.parametrize(("long", "first"), [("collect", "documents"), ("compose", "music")])
def test_the_stage_with_the_longest_path_to_the_end_starts_first(
    toy, pipeline, monkeypatch, long, first
):
    monkeypatch.setattr(pipeline, "machine_threads", lambda: 1)
    toy.edit("dvc.yaml", f"  {long}:\n", f"  {long}:\n    meta: {{timeout_minutes: 90}}\n")
    assert pipeline.everything(return_state=True).is_completed()
    assert toy.started[0] == first


def test_unchanged_stages_are_cached_without_starting_a_process(done, pipeline, monkeypatch):
    monkeypatch.setattr(pipeline.StageRunner, "_start", None)
    before = (done.folder / "dvc.lock").read_bytes()
    state = pipeline.everything(return_state=True)
    assert state.message == "0 done, 6 cached"
    assert (done.folder / "dvc.lock").read_bytes() == before


def test_a_removed_stage_leaves_the_lock_and_comes_back_from_the_cache(done, pipeline):
    before = (done.folder / "dvc.yaml").read_text()
    done.edit("dvc.yaml", "[cbow, skipgram]", "[skipgram]")
    done.edit("dvc.yaml", "deps: [data/cbow, data/skipgram, ", "deps: [data/skipgram, ")
    assert pipeline.music(return_state=True).is_completed()
    assert "train@cbow" not in lock(done.folder)["stages"]
    (done.folder / "dvc.yaml").write_text(before)
    done.forget()
    assert pipeline.text(return_state=True).is_completed()
    assert "train@cbow" in lock(done.folder)["stages"]
    assert done.started == []


def test_a_changed_value_runs_its_dependents(done, pipeline):
    done.edit("params.yaml", "skipgram: 1", "skipgram: 2")
    state = pipeline.everything(return_state=True)
    # The toy's vectors do not depend on the value, so the report's inputs are the same again.
    assert done.started == ["skipgram"]
    assert state.message == "1 done, 5 cached"


def test_force_runs_unchanged_stages(done, pipeline):
    assert pipeline.music(force=True, return_state=True).message == "3 done, 0 cached"
    assert done.started == ["music", "scores", "index.html"]


def test_a_failure_fails_the_flow_and_skips_only_its_dependents(toy, pipeline):
    toy.behave(music="fail")
    state = pipeline.everything(return_state=True)
    assert state.is_failed()
    assert state.message == (
        "failed: compose (music.compose: cannot write music); "
        "not run because of that: score, render"
    )
    assert sorted(toy.started) == ["cbow", "documents", "music", "skipgram"]
    assert Path("data/cbow").exists() and Path("data/skipgram").exists()
    assert list(lock(toy.folder)["stages"]) == ["collect", "train@cbow", "train@skipgram"]


def test_a_killed_stage_fails_the_flow_with_its_signal(toy, pipeline):
    toy.behave(music="die")
    message = pipeline.music(return_state=True).message
    assert message.startswith("failed: compose (killed by signal 9 (SIGKILL); the kernel does")


def test_a_stage_is_retried_as_often_as_declared(done, pipeline):
    done.behave(documents="fail once")
    done.edit("params.yaml", "embedded", "other")
    assert pipeline.text(return_state=True).is_failed()
    (done.folder / "documents.failed").unlink()
    done.edit("dvc.yaml", "  collect:\n", "  collect:\n    meta: {retries: 1}\n")
    assert pipeline.text(return_state=True).is_completed()
    assert done.started.count("documents") == 3


def test_a_stage_waits_for_files_that_another_dvc_process_uses(toy, pipeline, blocker):
    threading.Timer(2, lambda: (blocker.kill(), blocker.wait())).start()
    assert pipeline.text(return_state=True).is_completed()
    assert blocker.returncode is not None


def test_the_stages_of_a_run_are_recorded(done, pipeline):
    from prefect.client.orchestration import get_client

    state = pipeline.everything(return_state=True)
    for _ in range(50):  # the server records task runs a moment later
        with get_client(sync_client=True) as client:
            runs = client.read_task_runs()
            mine = [r for r in runs if r.flow_run_id == state.state_details.flow_run_id]
        if len(mine) == 6 and all(run.state_name == "Cached" for run in mine):
            return
        time.sleep(0.1)
    pytest.fail(f"{[(run.name, run.state_name) for run in mine]}")


def flows(*arguments: str, **settings: str) -> subprocess.Popen:
    """Start `python -m flows` in the current directory."""
    return subprocess.Popen(
        [sys.executable, "-m", "flows", *arguments],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored under `... &`
    )


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_command_starts_a_server_and_names_the_report(done):
    done.edit("params.yaml", "cbow: 1", "cbow: 2")
    # The proxy does not exist: requests to this machine must not use it.
    command = flows("everything", http_proxy="http://127.0.0.1:9", no_proxy="", NO_PROXY="")
    out, err = command.communicate(timeout=200)
    assert command.returncode == 0, err
    assert out.splitlines() == ["1 done, 5 cached", "reports/index.html"]
    assert Path(".dvc/tmp/prefect.db").exists()
    # Prefect's own lines (flow started, task created, final state) are not shown.
    outcomes = [line for line in err.splitlines() if re.fullmatch(r"[\d:.]+  \S+ +cached", line)]
    assert len(outcomes) == 5, err
    assert len(err.splitlines()) == 8, "the changed stage adds its command, output and outcome"


def test_a_run_in_which_nothing_has_changed_needs_no_server(done):
    command = flows("everything")
    out, err = command.communicate(timeout=200)
    assert (command.returncode, err) == (0, "")
    assert out.splitlines() == ["nothing has changed: 6 cached", "reports/index.html"]
    assert not Path(".dvc/tmp/prefect.db").exists()


def test_a_report_of_an_earlier_run_is_not_named(done, api):
    Path("data/scores").unlink()
    command = flows("text", PREFECT_API_URL=api)
    out, err = command.communicate(timeout=200)
    assert command.returncode == 0, err
    assert out.splitlines() == [
        "0 done, 3 cached; left out, because another flow has not written their inputs yet: render"
    ]
    assert Path("reports/index.html").exists()


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://127.0.0.1:9/api", "Connection refused"), ("127.0.0.1:9/api", "protocol")],
)
def test_a_missing_server_is_reported_before_the_first_stage(toy, url, reason):
    command = flows("text", PREFECT_API_URL=url)
    out, err = command.communicate(timeout=200)
    assert (command.returncode, out) == (1, "")
    (message,) = err.splitlines()
    assert message.startswith(f"flows: no Prefect server answers at {url} (")
    assert reason in message
    assert toy.journal == []


@pytest.mark.parametrize(
    "end",
    [
        psutil.Process.kill,
        # As on a full disk: no more writes succeed.
        lambda server: resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, 0)),
    ],
    ids=["dies", "cannot write"],
)
def test_a_failed_server_is_reported_in_one_line_after_the_stages(toy, end):
    toy.behave(documents="meet the end")
    command = flows("text", PREFECT_CLIENT_MAX_RETRIES="0")
    wait_for(lambda: bool(toy.journal))
    for child in psutil.Process(command.pid).children():
        if "flows.server" in child.cmdline():
            end(child)
    Path("the.here").touch()
    out, err = command.communicate(timeout=200)
    assert (command.returncode, out) == (1, "")
    assert err.splitlines()[-1].startswith("flows: the Prefect server at http://127.0.0.1:")
    # The other lines are the command, the output and the outcome of the three stages.
    assert len(err.splitlines()) == 10, err
    assert sorted(toy.started) == ["cbow", "documents", "skipgram"]
    assert set(lock(toy.folder)["stages"]) == {"collect", "train@cbow", "train@skipgram"}


def test_the_error_of_a_failed_write_names_the_file(toy):
    Path(".dvc/tmp/prefect.lock").mkdir()
    command = flows("text")
    _, err = command.communicate(timeout=200)
    assert command.returncode == 1
    (message,) = err.splitlines()
    assert message.startswith("flows: ") and message.endswith(".dvc/tmp/prefect.lock'")


def test_the_command_fails_with_its_flow(done, api):
    done.behave(music="fail")
    done.edit("params.yaml", "compose: 1", "compose: 2")
    command = flows("music", PREFECT_API_URL=api)
    _, err = command.communicate(timeout=200)
    assert command.returncode == 1
    assert err.splitlines()[-1].startswith("flows: failed: compose (music.compose: cannot write")


def test_an_invalid_declaration_is_reported_without_a_traceback(toy):
    toy.edit("dvc.yaml", "${item}\n      deps", "${itme}\n      deps")
    command = flows("text")
    _, err = command.communicate(timeout=200)
    assert command.returncode == 1
    assert err.startswith("flows: ") and "itme" in err and "Traceback" not in err


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_command_leaves_no_process_behind(toy, api, signum):
    toy.behave(documents="hang")
    command = flows("text", PREFECT_API_URL=api)
    wait_for(lambda: bool(toy.journal))
    ((_, _, pid),) = toy.journal
    os.killpg(command.pid, signum)
    command.communicate(timeout=30)
    assert command.returncode != 0
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert json.loads(Path(".dvc/tmp/rwlock").read_text()).get("write", {}) == {}
