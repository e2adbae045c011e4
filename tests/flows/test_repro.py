"""`dvc repro` of one stage: output, failures, locks, time-outs."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from flows import repro
from flows.repro import LockedError, ReproError, Repros


def run(name: str, force: bool = False, timeout_minutes: float = 1) -> list[str]:
    """Run a stage and return the lines that it and DVC wrote."""
    lines: list[str] = []
    with Repros() as repros:
        repros.run(name, force, timeout_minutes, lines.append)
    return lines


def test_the_output_is_the_command_and_the_stage_without_chatter(toy):
    assert run("collect") == [
        "> python -m stages text.collect data/documents",
        "documents says hello",
    ]


def test_force_runs_an_unchanged_stage(done):
    run("collect", force=True)
    assert done.started == ["documents"]


def test_a_failure_is_told_in_the_stages_own_words(toy):
    toy.behave(documents="fail")
    with pytest.raises(ReproError, match=r"^text.collect: cannot write documents$"):
        run("collect")


def test_a_failure_of_dvc_is_told_in_dvcs_words(toy):
    with pytest.raises(ReproError, match=r"failed to reproduce 'score': .*data/music"):
        run("score")
    assert toy.started == []


def test_files_in_use_by_another_process_of_dvc_are_no_failure(toy, blocker):
    with pytest.raises(LockedError):
        run("collect")
    assert toy.started == []


def test_a_time_out_ends_the_whole_process_group(toy):
    toy.behave(documents="hang")
    with pytest.raises(ReproError, match=r"took longer than 0\.05 min and was stopped"):
        run("collect", timeout_minutes=0.05)
    ((_, _, pid),) = toy.journal
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_nothing_starts_any_more_once_stopped(toy):
    with Repros() as repros:
        pass
    with pytest.raises(ReproError, match="stopped"):
        repros.run("collect", False, 1, print)
    assert toy.started == []


def test_a_stage_that_was_killed_is_told_with_its_signal(toy):
    toy.behave(documents="die")
    with pytest.raises(ReproError, match=r"^killed by signal 9 \(SIGKILL\); .* memory runs out$"):
        run("collect")


def test_a_killed_dvc_is_told_as_such(toy):
    toy.behave(documents="kill dvc")
    with pytest.raises(ReproError, match=r"^its dvc repro was killed by signal 9 \(SIGKILL\)"):
        run("collect")


def test_a_stage_that_does_not_heed_the_interrupt_is_killed(toy, monkeypatch):
    monkeypatch.setattr(repro, "GRACE_SECONDS", 1)
    toy.behave(documents="hold out")
    with pytest.raises(ReproError, match="was stopped"):
        run("collect", timeout_minutes=0.08)
    assert [event for _, event, _ in toy.journal] == ["starts"]
    assert not Path("data/documents").exists()


def test_the_lock_of_the_repository_is_waited_for_longer_than_dvc_does_by_itself(toy):
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
