"""The stages of the report: what is checked before they run, and what DVC runs again."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from page_inputs import COMMANDS, render
from tiny import ROOT, run

from stages.core.command import check


@pytest.fixture
def project(report, tmp_path):
    """A DVC project of the report's stages alone, after they have run."""
    shutil.copytree(
        ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__")
    )
    declared = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    only = {name: declared[name] for name in COMMANDS}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": only}), encoding="utf-8")
    shutil.copy2(ROOT / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "-q", "."], check=True)
    for command in (["init", "-q"], ["commit", "-f", "-q"]):
        done = run(tmp_path, "dvc", *command)
        assert done.returncode == 0, done.stdout
    return tmp_path


def test_a_folder_that_stages_write_into_need_not_exist_yet(inputs):
    commands = [shlex.join(words) for words in COMMANDS.values()]
    assert check(commands) == []
    assert check([shlex.join(COMMANDS["render_index"])]) == [
        "--headlines: reports/headlines does not exist"
    ]


def changed(project: Path) -> set[str]:
    """Return the stages that `dvc repro` would run."""
    status = run(project, "dvc", "status")
    assert status.returncode == 0, status.stdout
    return {line.rstrip(":") for line in status.stdout.splitlines() if line.startswith("render_")}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_changed_caption_renders_one_page(project):
    assert changed(project) == set()
    edit(project / "stages/report/render_text.py", '"The corpus."', '"What the corpus is."')
    assert changed(project) == {"render_text"}
    done = run(project, "dvc", "repro", "render_text", "render_index")
    assert done.returncode == 0, done.stdout
    assert "What the corpus is." in (project / "reports/pages/text.html").read_text("utf-8")
    assert changed(project) == set()
    assert "Running stage 'render_text'" in done.stdout
    assert "Running stage 'render_index'" not in done.stdout


def test_changed_metrics_render_their_page_and_the_overview(project):
    edit(project / "reports/metrics/tokenize.json", '"vocabulary": 3', '"vocabulary": 4')
    assert changed(project) == {"render_text"}
    render("render_text")
    assert changed(project) == {"render_text", "render_index"}
