"""The inputs and the pages of the report, made once and copied for each test."""

import contextlib
import shutil
from pathlib import Path

import pytest
from page_inputs import COMMANDS, render, write_inputs


@pytest.fixture(scope="session")
def written_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the inputs of every page, which tests leave as they are."""
    folder = tmp_path_factory.mktemp("inputs")
    with contextlib.chdir(folder):
        write_inputs()
    return folder


@pytest.fixture(scope="session")
def rendered_report(written_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder after all stages of the report have run, which tests leave as it is."""
    folder = tmp_path_factory.mktemp("report") / "project"
    shutil.copytree(written_inputs, folder)
    with contextlib.chdir(folder):
        for stage in COMMANDS:
            render(stage)
    return folder


@pytest.fixture
def inputs(written_inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with the inputs of every page."""
    shutil.copytree(written_inputs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def report(
    rendered_report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Path]:
    """The file of every page by its name; the current directory has all that they are made from."""
    shutil.copytree(rendered_report, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return {path.stem: path for path in (tmp_path / "reports").rglob("*.html")}
