"""The flows `text`, `music` and `everything`: each stage of DVC's graph is a Prefect task."""

import contextlib
import os
import time
from graphlib import TopologicalSorter
from queue import SimpleQueue

from dvc.lock import LockError
from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed, State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.check import check_commands, check_names
from flows.graph import Graph, Stage
from flows.runner import LockedError, ReproError, StageRunner, stage_server

REPORT = "reports/index.html"
# Between two tries to lock files that another DVC process uses.
LOCK_POLL_SECONDS = 0.5


@flow(task_runner=ThreadPoolTaskRunner())
def text(force: bool = False) -> State:
    """Turn documents into word vectors, sequence models, clusters and the report."""
    return run("text", force)


@flow(task_runner=ThreadPoolTaskRunner())
def music(force: bool = False) -> State:
    """Turn notes into a composer, its music and the report."""
    return run("music", force)


@flow(task_runner=ThreadPoolTaskRunner())
def everything(force: bool = False) -> State:
    """Run every stage."""
    return run("everything", force)


@task(cache_policy=NO_CACHE)
def run_stage(stage: Stage, runner: StageRunner, force: bool, may_run: bool) -> State:
    """Run one stage, unless DVC finds it unchanged, and return its final state."""
    if not may_run:
        return Completed(name="Cached", message="cached")
    log = get_run_logger()
    start = time.monotonic()
    is_waiting = False
    while time.monotonic() - start < stage.timeout_minutes * 60:
        try:
            was_run = runner.run(stage.name, force, stage.timeout_minutes, on_line=log.info)
        except ReproError as error:
            return Failed(message=str(error))
        except LockedError:
            if not is_waiting:
                log.info("waiting for another DVC process that uses the same files")
            is_waiting = True
            time.sleep(LOCK_POLL_SECONDS)
        else:
            if not was_run:
                return Completed(name="Cached", message="cached")
            return Completed(message=f"done in {time.monotonic() - start:.0f} s")
    return Failed(message=f"its files were in use for {stage.timeout_minutes:g} min")


def run(flow_name: str, force: bool) -> State:
    """Run the stages of a flow, from inside its flow run, and return the final state of the flow.

    A stage starts when its inputs are written and the machine has enough free threads. If several
    can start, the one with the longest path to the end of the graph starts first. If a stage
    fails, the stages that depend on it do not run; all others do.

    Args:
        flow_name: name of the flow.
        force: whether to run unchanged stages as well.
    """
    graph = Graph()
    with contextlib.suppress(LockError):
        graph.tidy_locks()
    stages = graph.select(flow_name)
    changed = list(stages)
    if not force:
        # If another process has the lock, every stage is looked at before it would run.
        with contextlib.suppress(LockError):
            changed = graph.changed(stages)
    with stage_server() if changed else contextlib.nullcontext():
        mistakes = check_names() + check_commands([stages[name].command for name in changed])
        if mistakes:
            return Failed(message="; ".join(mistakes))
        states = run_in_order(stages, changed, force)
    with contextlib.suppress(LockError):  # a later run tidies them
        graph.tidy_locks()
    has_report = any(REPORT in stage.writes for stage in stages.values())
    return conclude(states, graph.left_out(stages), has_report)


def run_in_order(stages: dict[str, Stage], changed: list[str], force: bool) -> dict[str, State]:
    """Run stages, each after those whose outputs it reads, and return their final states.

    Args:
        stages: stages to run by name.
        changed: names of the stages that would run even if no stage upstream ran.
        force: whether to run unchanged stages as well.
    """
    log = get_run_logger()
    needs = {name: [need for need in stages[name].needs if need in stages] for name in stages}
    urgency = minutes_to_end(stages, needs)
    free = machine = machine_threads()
    order = TopologicalSorter(needs)
    order.prepare()
    ready: list[str] = []
    finished: SimpleQueue[str] = SimpleQueue()
    futures: dict[str, PrefectFuture] = {}
    states: dict[str, State] = {}
    with StageRunner() as runner:
        while order.is_active():
            ready += order.get_ready()
            for name in sorted(ready, key=urgency.get, reverse=True):
                stage = stages[name]
                if (threads := min(stage.threads, machine)) > free:
                    continue
                free -= threads
                ready.remove(name)
                # DVC looks again only at stages that had changed, or read what has run since.
                may_run = name in changed or any(states[n].name != "Cached" for n in needs[name])
                # Stages that wait for a failed one are submitted, too: Prefect ends them as
                # NotReady.
                futures[name] = run_stage.with_options(
                    name=name, task_run_name=name, retries=stage.retries
                ).submit(stage, runner, force, may_run, wait_for=[futures[n] for n in needs[name]])
                futures[name].add_done_callback(lambda _, name=name: finished.put(name))
            name = finished.get()
            free += min(stages[name].threads, machine)
            order.done(name)
            futures[name].wait()
            states[name] = state = futures[name].state
            outcome = "not run" if state.is_pending() else state.message
            if not state.is_completed() and not state.is_pending():
                outcome = f"failed: {state.message}"
            log.info("%s  %s", name.ljust(max(map(len, stages))), outcome)
    return states


def conclude(states: dict[str, State], left_out: list[str], has_report: bool) -> State:
    """Return the final state of a flow.

    Args:
        states: final states of its stages.
        left_out: names of the report stages that the flow leaves out.
        has_report: whether the flow writes the overview of the report.
    """
    not_run = [name for name, state in states.items() if state.is_pending()]
    failed = [
        f"{name} ({state.message})"
        for name, state in states.items()
        if not state.is_completed() and name not in not_run
    ]
    if failed:
        dependents = f"; not run because of that: {', '.join(not_run)}" if not_run else ""
        return Failed(message=f"failed: {', '.join(failed)}{dependents}")
    cached = sum(state.name == "Cached" for state in states.values())
    counts = f"{len(states) - cached} done, {cached} cached"
    if left_out:
        reason = "left out, because another flow has not written their inputs yet"
        counts = f"{counts}; {reason}: {', '.join(left_out)}"
    return Completed(name="Completed" if has_report else "WithoutReport", message=counts)


def minutes_to_end(stages: dict[str, Stage], needs: dict[str, list[str]]) -> dict[str, float]:
    """Return the length of the longest path from each stage to the end of the graph, minutes.

    No stage declares how long it takes, so its time limit is used instead.
    """
    minutes = {name: stage.timeout_minutes for name, stage in stages.items()}
    for name in reversed(list(TopologicalSorter(needs).static_order())):
        for need in needs[name]:
            minutes[need] = max(minutes[need], stages[need].timeout_minutes + minutes[name])
    return minutes


def machine_threads() -> int:
    """Return the number of threads that this process can use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
