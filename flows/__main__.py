"""Run a flow: `python -m flows everything`.

`python -m flows check` says what is wrong with params.yaml, conf/ and the files they name, and runs
nothing. The flows do the same before their first stage, for the stages that will run.

Prefect records the run at the server that PREFECT_API_URL names, or else at one that lives as long
as the run and keeps its records in .dvc/tmp/prefect.db.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

REPORT = Path("reports/index.html")
ANSWER_SECONDS = 10


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
    arguments = parser.parse_args(argv)

    # DVC and Prefect are imported late: they take seconds, in which the server can start.
    from dvc.exceptions import DvcException

    from flows.check import check_commands, check_names
    from flows.graph import Graph
    from flows.server import Server

    try:
        # Before DVC reads the graph, which would say less about a misspelled name.
        if wrong := check_names():
            return tell(wrong)
        graph = Graph()
        if arguments.flow == "check":
            return tell(check_commands([stage.command for stage in graph.stages.values()]))
        server = None
        if not os.environ.get("PREFECT_API_URL"):
            server = Server(graph.scratch / "prefect.db")
            os.environ["PREFECT_API_URL"] = server.url
            # One that has ended does not come back.
            os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "2")
        from flows import pipeline

        if server:
            server.wait()
            server.prune()
        else:
            look_for_server()
    except (DvcException, OSError, ValueError, RuntimeError) as error:
        print(f"flows: {error}", file=sys.stderr)
        return 1

    from httpx import HTTPError
    from prefect.exceptions import PrefectException

    for handler in logging.getLogger().handlers:
        handler.addFilter(is_news)
    logging.raiseExceptions = False  # what cannot be sent to the server is no news either
    try:
        state = getattr(pipeline, arguments.flow)(force=arguments.force, return_state=True)
    except (HTTPError, PrefectException, RuntimeError, ValueError) as error:  # Prefect's own
        reason = str(error).partition("\n")[0] or type(error).__name__
        print(
            f"flows: Prefect's server at {os.environ['PREFECT_API_URL']} did not record the run "
            f"({reason}); what the stages have written is kept: run it again",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)  # at its exit Prefect would try for minutes to send what it has left
    if not state.is_completed():
        print(f"flows: {state.message}", file=sys.stderr)
        return 1
    print(state.message)
    if state.name == "Completed":
        print(REPORT)
    return 0


def tell(wrong: list[str]) -> int:
    """Print what is wrong and return the exit status."""
    for sentence in wrong:
        print(f"flows: {sentence}", file=sys.stderr)
    return int(bool(wrong))


def look_for_server() -> None:
    """Return when the server that PREFECT_API_URL names answers.

    Raises:
        RuntimeError: It does not.
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
                "it, or unset PREFECT_API_URL to run with a server of the flow's own"
            )


def is_news(record: logging.LogRecord) -> bool:
    """Return whether a line belongs on the console: flows say the rest in fewer words."""
    engine = record.module in ("task_engine", "flow_engine")
    return not engine and not record.name.startswith("prefect.events")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("flows: interrupted")
