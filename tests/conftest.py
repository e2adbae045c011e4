"""Session fixtures: a tiny project before and after a run, and a browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny import KEPT, TINY, copy_project, keep_params, run, set_params


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that has not run, with a corpus of 60 news articles in three files."""
    from gensim.test.utils import datapath

    project = copy_project(tmp_path_factory.mktemp("tiny"))
    articles = Path(datapath("lee_background.cor")).read_text(encoding="utf-8").splitlines()
    corpus = project / "data" / "raw" / "tiny"
    corpus.mkdir(parents=True)
    for week in range(3):
        text = "\n\n".join(articles[week * 20 : (week + 1) * 20])
        (corpus / f"week_{week}.txt").write_text(text, encoding="utf-8")
    declaration = yaml.safe_load((project / "conf/corpus/own.yaml").read_text(encoding="utf-8"))
    declaration["sources"] = [{"path": "tiny"}]
    (project / "conf/corpus/tiny.yaml").write_text(yaml.safe_dump(declaration), encoding="utf-8")
    keep_params(project / "params.yaml", KEPT)
    set_params(project / "params.yaml", TINY)
    return project


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
