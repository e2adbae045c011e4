"""`dvc repro` of one stage: output, failures, locks, time limits."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from flows import runner
from flows.runner import LockedError, ReproError, StageRunner


def run(name: str, force: bool = False, timeout_minutes: float = 1) -> list[str]:
    """Run a stage and return the lines of output that pass the filter."""
    lines: list[str] = []
    with StageRunner() as stage_runner:
        stage_runner.run(name, force, timeout_minutes, lines.append)
    return lines


def test_the_output_has_the_command_and_the_stages_lines_but_not_dvcs(toy):
    assert run("collect") == [
        "> python -m stages text.collect data/documents",
        "documents says hello",
    ]


def test_force_runs_an_unchanged_stage(done):
    run("collect", force=True)
    assert done.started == ["documents"]


def test_the_last_line_of_a_failed_stage_is_its_error(toy):
    toy.behave(documents="fail")
    with pytest.raises(ReproError, match=r"^text.collect: cannot write documents$"):
        run("collect")


def test_a_failure_of_dvc_has_dvcs_message(toy):
    with pytest.raises(ReproError, match=r"failed to reproduce 'score': .*data/music"):
        run("score")
    assert toy.started == []


def test_files_in_use_by_another_dvc_process_are_not_a_failure(toy, blocker):
    with pytest.raises(LockedError):
        run("collect")
    assert toy.started == []


def test_a_timeout_ends_the_whole_process_group(toy):
    toy.behave(documents="hang")
    with pytest.raises(ReproError, match=r"took longer than 0\.05 min and was stopped"):
        run("collect", timeout_minutes=0.05)
    ((_, _, pid),) = toy.journal
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_closed_runner_starts_nothing(toy):
    with StageRunner() as closed:
        pass
    with pytest.raises(ReproError, match="stopped"):
        closed.run("collect", False, 1, print)
    assert toy.started == []


def test_the_error_of_a_killed_stage_names_the_signal(toy):
    toy.behave(documents="die")
    with pytest.raises(ReproError, match=r"^killed by signal 9 \(SIGKILL\); .* memory runs out$"):
        run("collect")


def test_the_error_of_a_killed_dvc_says_so(toy):
    toy.behave(documents="kill dvc")
    with pytest.raises(ReproError, match=r"^its dvc repro was killed by signal 9 \(SIGKILL\)"):
        run("collect")


def test_a_stage_that_ignores_the_interrupt_is_killed(toy, monkeypatch):
    monkeypatch.setattr(runner, "GRACE_SECONDS", 1)
    toy.behave(documents="ignore interrupt")
    with pytest.raises(ReproError, match="was stopped"):
        run("collect", timeout_minutes=0.08)
    assert [event for _, event, _ in toy.journal] == ["starts"]
    assert not Path("data/documents").exists()


def test_a_stage_waits_for_the_repository_lock_longer_than_dvc_does_by_default(toy):
    hold = """
import time
from dvc.repo import Repo
with Repo().lock:
    print(flush=True)
    time.sleep(9)
"""
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        run("collect")
        assert holder.poll() == 0
    assert toy.started == ["documents"]
