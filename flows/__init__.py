"""The DVC graph, run in parallel and scheduled by Prefect.

DVC says which stages there are and which of them changed; this package says nothing about any
stage. `python -m flows everything` runs the graph; `prefect.yaml` schedules it.
"""

import os
import urllib.request

# What Prefect takes from the environment only; its other settings are in pyproject.toml, where
# commands that do not import this package find them. It reads these when it is imported. Whoever
# sets one of them in the environment keeps their value.
SETTINGS = {
    # Prefect's client reports nothing, even to a server elsewhere that would let it.
    "DO_NOT_TRACK": "1",
    # What cannot be sent to a server is not worth a page on the console.
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    # What a person reads while it runs: the time, the stage, what the stage says.
    "PREFECT_LOGGING_FORMATTERS_STANDARD_FLOW_RUN_FMT": "%(asctime)s  %(message)s",
    "PREFECT_LOGGING_FORMATTERS_STANDARD_TASK_RUN_FMT": (
        "%(asctime)s  %(task_run_name)s | %(message)s"
    ),
}

for _setting, _value in SETTINGS.items():
    os.environ.setdefault(_setting, _value)

# Neither the server of a run nor any other on this machine can be reached through a proxy.
_direct = urllib.request.getproxies_environment().get("no", "")
if _direct != "*":
    _hosts = [host.strip() for host in _direct.split(",") if host.strip()]
    _hosts += [host for host in ("127.0.0.1", "localhost") if host not in _hosts]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(_hosts)
