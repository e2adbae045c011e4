"""Nothing reports to anyone: settings that hold for whoever starts a command in the project."""

import json
import os
import subprocess
import sys

from tiny import ROOT

SETTINGS = ("PREFECT_", "DVC_", "DO_NOT_TRACK", "CI")


def values(tmp_path, code: str) -> dict:
    """Return what Python code prints as JSON at the project's root, with no setting by a person."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(SETTINGS)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**kept, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_server_of_prefect_started_by_hand_reports_nothing(tmp_path):
    code = """
import json
from prefect.settings import get_current_settings
print(get_current_settings().server.model_dump_json())
"""
    server = values(tmp_path, code)
    assert server["analytics_enabled"] is False
    assert server["register_blocks_on_start"] is False


def test_a_flow_reports_nothing_even_to_a_server_that_would_let_it(tmp_path):
    code = """
import json
import flows
from prefect._internal.analytics.enabled import is_telemetry_enabled
print(json.dumps({"enabled": is_telemetry_enabled()}))
"""
    assert values(tmp_path, code) == {"enabled": False}


def test_dvc_reports_nothing_and_asks_for_no_news(tmp_path):
    code = """
import json
from dvc.analytics import is_enabled
from dvc.updater import Updater
print(json.dumps({"analytics": is_enabled(), "news": Updater(".").is_enabled()}))
"""
    assert values(tmp_path, code) == {"analytics": False, "news": False}
