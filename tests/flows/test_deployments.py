"""prefect.yaml on a real server, with a real worker."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[2]


def test_every_flow_is_scheduled():
    deployments = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    entrypoints = {deployment["entrypoint"] for deployment in deployments}
    assert entrypoints == {f"flows/pipeline.py:{f}" for f in ("text", "music", "everything")}
    assert all(deployment["schedules"] for deployment in deployments)


def test_a_deployed_flow_runs(done, api):
    shutil.copy(PROJECT / "prefect.yaml", done.folder)
    done.edit("params.yaml", "compose: 1", "compose: 2")

    def prefect(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
            env={**os.environ, "PREFECT_API_URL": api, "PWD": str(done.folder)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    prefect("work-pool", "create", "etude", "--type", "process")
    assert prefect("deploy", "--all").count("successfully created") == 3
    prefect("deployment", "run", "music/weekly")
    prefect("worker", "start", "--pool", "etude", "--run-once")
    assert done.started == ["music"]

    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("music/weekly")
        runs = [run for run in client.read_flow_runs() if run.deployment_id == deployment.id]
        # The others are scheduled for the coming weeks.
        assert [run.state_name for run in runs if run.start_time] == ["Completed"]
        texts = client.read_deployment_by_name("text/nightly")
        assert [entry.schedule.cron for entry in texts.schedules] == ["0 2 * * *"]
