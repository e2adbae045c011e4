"""The DVC graph, run in parallel and scheduled by Prefect.

DVC says which stages there are and which of them changed; this package says nothing about any
stage. `python -m flows everything` runs the graph; `prefect.yaml` schedules it.
"""

import os

# Read by Prefect and DVC when they are imported, which is why they stand here. Whoever sets one
# of these in the environment keeps their value.
SETTINGS = {
    # Nothing is reported to anyone.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
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
