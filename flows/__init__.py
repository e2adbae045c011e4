"""The DVC graph, run in parallel and scheduled by Prefect.

DVC says which stages there are and which of them changed; this package says nothing about any
stage. `python -m flows everything` runs the graph; `prefect.yaml` schedules it.
"""

import os

# What Prefect takes from the environment only; its other settings are in pyproject.toml, where
# commands that do not import this package find them. It reads these when it is imported. Whoever
# sets one of them in the environment keeps their value.
SETTINGS = {
    # Prefect's client reports nothing, even to a server elsewhere that would let it.
    "DO_NOT_TRACK": "1",
    # What a person reads while it runs: the time, the stage, what the stage says.
    "PREFECT_LOGGING_FORMATTERS_STANDARD_FLOW_RUN_FMT": "%(asctime)s  %(message)s",
    "PREFECT_LOGGING_FORMATTERS_STANDARD_TASK_RUN_FMT": (
        "%(asctime)s  %(task_run_name)s | %(message)s"
    ),
}

for _setting, _value in SETTINGS.items():
    os.environ.setdefault(_setting, _value)
