"""The DVC graph, run in parallel and scheduled by Prefect.

DVC knows the stages and which of them changed; this package declares none itself.
`python -m flows everything` runs the graph; `prefect.yaml` schedules it.
"""

import os
import urllib.request

# Settings that Prefect reads only from the environment, when it is imported. The others are in
# pyproject.toml, where commands that do not import this package find them. Values that are already
# in the environment take precedence.
SETTINGS = {
    # No telemetry from the client, even if a remote server allows it.
    "DO_NOT_TRACK": "1",
    # A log record that cannot be sent to the server would print a page of traceback.
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    # The console shows the time, the stage and its output.
    "PREFECT_LOGGING_FORMATTERS_STANDARD_FLOW_RUN_FMT": "%(asctime)s  %(message)s",
    "PREFECT_LOGGING_FORMATTERS_STANDARD_TASK_RUN_FMT": (
        "%(asctime)s  %(task_run_name)s | %(message)s"
    ),
}

for _setting, _value in SETTINGS.items():
    os.environ.setdefault(_setting, _value)

# A server on this machine cannot be reached through a proxy.
_direct = urllib.request.getproxies_environment().get("no", "")
if _direct != "*":
    _hosts = [host.strip() for host in _direct.split(",") if host.strip()]
    _hosts += [host for host in ("127.0.0.1", "localhost") if host not in _hosts]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(_hosts)
