"""Session fixtures: a stage server, a tiny project before and after a run, and a browser."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny import make_tiny, run

from stages.core import environment

# Before a library is imported: tests that call stages in this process expect their bytes, too.
environment.fix()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this project."""
    parser.addoption("--renew-golden", action="store_true", help="write tests/golden.json anew")


def pytest_make_parametrize_id(val: Any, argname: str) -> str | None:
    """Name contents of files by their argument: those of gzip have times, and ids must not."""
    return argname if isinstance(val, bytes) else None


def start_server(socket: Path) -> subprocess.Popen[bytes]:
    """Start a stage server, which ends with this process at the latest; its log is beside it."""
    with socket.with_suffix(".log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "stages.server"],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "ETUDE_SERVER": str(socket)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert b"listens" in server.stdout.readline()
    return server


@pytest.fixture(scope="session", autouse=True)
def _stage_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A stage server for all stages and flows that tests start, in whichever project."""
    socket = tmp_path_factory.mktemp("server") / "socket"
    with pytest.MonkeyPatch.context() as patch, start_server(socket) as server:
        patch.setenv("ETUDE_SERVER", str(socket))
        yield
        server.stdin.close()


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that has not run, with a corpus of 60 news articles in three files."""
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def finished_project(tiny_project: Path) -> Path:
    """The tiny project after the flow `everything`."""
    done = run(tiny_project, "flows", "everything")
    assert done.returncode == 0, done.stdout
    return tiny_project


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium, driven by Playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("ETUDE_REQUIRE_CHROMIUM"):
            pytest.fail("no Chromium on PATH, and ETUDE_REQUIRE_CHROMIUM is set")
        pytest.skip("no Chromium on PATH: install it to test the report in a browser")
    from playwright.sync_api import sync_playwright

    quiet = ["networking", "timer-throttling"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[
                *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
                *("--disable-component-update", "--autoplay-policy=no-user-gesture-required"),
                *(f"--disable-background-{thing}" for thing in quiet),
            ],
        )
        yield browser
        browser.close()
