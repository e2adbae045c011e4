"""Run a flow: `python -m flows everything`.

Prefect records the run at the server that PREFECT_API_URL names, or else at one that lives as long
as the run and keeps its records in .dvc/tmp/prefect.db.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

REPORT = Path("reports/index.html")


def main(argv: list[str]) -> int:
    """Run the flow that `argv` names and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m flows",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "flow", choices=("text", "music", "everything"), help="which stages of dvc.yaml to run"
    )
    parser.add_argument("--force", action="store_true", help="run unchanged stages as well")
    arguments = parser.parse_args(argv)

    # DVC and Prefect are imported late: they take seconds, in which the server can start.
    from dvc.exceptions import DvcException

    from flows.graph import Graph
    from flows.server import Server

    try:
        graph = Graph()
        server = None
        if "PREFECT_API_URL" not in os.environ:
            server = Server(graph.scratch / "prefect.db")
            os.environ["PREFECT_API_URL"] = server.url
        from flows import pipeline

        if server:
            server.wait()
    except (DvcException, ValueError, RuntimeError) as error:
        print(f"flows: {error}", file=sys.stderr)
        return 1
    for handler in logging.getLogger().handlers:
        handler.addFilter(is_news)
    state = getattr(pipeline, arguments.flow)(force=arguments.force, return_state=True)
    if not state.is_completed():
        print(f"flows: {state.message}", file=sys.stderr)
        return 1
    print(state.message)
    if REPORT.exists():
        print(REPORT)
    return 0


def is_news(record: logging.LogRecord) -> bool:
    """Return whether a line belongs on the console: flows say the rest in fewer words."""
    if record.levelno > logging.INFO:
        return record.module != "task_engine"
    return record.module not in ("task_engine", "flow_engine")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("flows: interrupted")
