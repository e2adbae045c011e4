"""Run a flow: `python -m flows everything`.

`python -m flows check` checks params.yaml, conf/ and the files they name, and runs nothing. A flow
makes the same checks for the stages that will run, before the first of them starts.

Prefect records the run on the server at PREFECT_API_URL. If that is not set, a temporary server
starts for the run, unless nothing has changed; its database is .dvc/tmp/prefect.db.

`--profile thorough` first sets the values of conf/profile/thorough.yaml in params.yaml, as
`dvc exp run -S` does, and keeps them there if they pass the checks.
"""

import argparse
import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.graph import Graph

REPORT = Path("reports/index.html")
ANSWER_SECONDS = 10


class MistakesError(Exception):
    """Mistakes in params.yaml and the files it names; each argument is a message."""


def main(argv: list[str]) -> int:
    """Run the flow that `argv` names and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m flows",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "flow",
        choices=("text", "music", "everything", "check"),
        help="which stages of dvc.yaml to run; check runs none",
    )
    parser.add_argument("--force", action="store_true", help="run unchanged stages as well")
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="first set the values of conf/profile/NAME.yaml in params.yaml",
    )
    arguments = parser.parse_args(argv)

    # DVC and Prefect take seconds to import: --help needs neither, and the server starts meanwhile.
    from dvc.exceptions import DvcException

    from flows.server import Server

    try:
        graph = load_graph(arguments.flow, arguments.profile)
        if arguments.flow == "check":
            return 0
        server = None
        if not os.environ.get("PREFECT_API_URL"):
            if not arguments.force and is_finished(graph, arguments.flow):
                return 0
            server = Server(graph.scratch / "prefect.db")
            os.environ["PREFECT_API_URL"] = server.url
            # A temporary server that has ended does not come back.
            os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "2")
        from flows import pipeline

        if server:
            server.wait()
            server.prune()
        else:
            check_server()
    except MistakesError as error:
        for mistake in error.args:
            print(f"flows: {mistake}", file=sys.stderr)
        return 1
    except (DvcException, OSError, ValueError, RuntimeError) as error:
        print(f"flows: {error}", file=sys.stderr)
        return 1

    from httpx import HTTPError
    from prefect.exceptions import PrefectException

    for handler in logging.getLogger().handlers:
        handler.addFilter(belongs_on_console)
    # No traceback for a log record that cannot be sent to the server.
    logging.raiseExceptions = False
    try:
        state = getattr(pipeline, arguments.flow)(force=arguments.force, return_state=True)
    except (HTTPError, PrefectException, RuntimeError, ValueError) as error:  # from Prefect
        reason = str(error).partition("\n")[0] or type(error).__name__
        print(
            f"flows: the Prefect server at {os.environ['PREFECT_API_URL']} did not record the run "
            f"({reason}); the outputs of the stages are kept: run the flow again",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)  # at exit Prefect would retry its unsent records for minutes
    if not state.is_completed():
        print(f"flows: {state.message}", file=sys.stderr)
        return 1
    print(state.message)
    if state.name == "Completed":
        print(REPORT)
    return 0


def load_graph(flow: str, profile: str | None) -> "Graph":
    """Return the graph, after setting the values of a profile in params.yaml.

    The stages are checked here if the flow is `check`, and if the profile changes a value, because
    params.yaml keeps the values of a profile only if they pass; otherwise the flow checks them.

    Raises:
        MistakesError: a check failed.
    """
    from flows.check import check_commands, check_names
    from flows.graph import Graph

    trial = contextlib.nullcontext([])
    if profile is not None:
        # Hydra, which DVC uses for overrides, takes a moment to import.
        from flows.profiles import applied

        trial = applied(profile)
    with trial as changes:
        # First, because DVC's own message about a misspelled name says less.
        mistakes = check_names()
        if not mistakes:
            graph = Graph()
            if changes or flow == "check":
                stages = graph.stages if flow == "check" else graph.select(flow)
                mistakes = check_commands([stage.command for stage in stages.values()])
        if mistakes:
            cause = f"with conf/profile/{profile}.yaml, " if changes else ""
            raise MistakesError(*(cause + mistake for mistake in mistakes))
    for change in changes:
        print(change)
    if changes:
        print("`git restore params.yaml` goes back to the committed values", flush=True)
    return graph


def is_finished(graph: "Graph", flow: str) -> bool:
    """Return whether no stage of a flow has changed, and say so."""
    from dvc.lock import LockError

    stages = graph.select(flow)
    try:
        graph.tidy_locks()
        if graph.changed(stages) or graph.left_out(stages):
            return False
    except LockError:  # by a stage that runs
        return False
    print(f"nothing has changed: {len(stages)} cached")
    if any(str(REPORT) in stage.writes for stage in stages.values()):
        print(REPORT)
    return True


def check_server() -> None:
    """Check that the server at PREFECT_API_URL answers.

    Raises:
        RuntimeError: the server does not answer.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(httpx_settings={"timeout": ANSWER_SECONDS}, sync_client=True) as client,
    ):
        if error := client.api_healthcheck():
            raise RuntimeError(
                f"no Prefect server answers at {os.environ['PREFECT_API_URL']} ({error}): start "
                "it, or unset PREFECT_API_URL to use a temporary server"
            )


def belongs_on_console(record: logging.LogRecord) -> bool:
    """Return whether to print a log record; the flows report Prefect's own events more briefly."""
    engine = record.module in ("task_engine", "flow_engine")
    return not engine and not record.name.startswith("prefect.events")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("flows: interrupted")
