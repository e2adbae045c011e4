"""The DVC graph, run in parallel and scheduled by Prefect.

DVC says which stages there are and which of them changed; this package says nothing about any
stage. `python -m flows everything` runs the graph; `prefect.yaml` schedules it.
"""

import os
import urllib.request

# Read by Prefect and DVC when they are imported, which is why they stand here. Whoever sets one
# of these in the environment keeps their value.
SETTINGS = {
    # Nothing is reported to anyone.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    # What cannot be sent to a server is not worth a page on the console.
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    # No flow here uses blocks, and registering them takes seconds at a server's first start.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
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
