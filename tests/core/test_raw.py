"""The user's own data is in `data/raw`, where DVC notices changes."""

import subprocess
from pathlib import Path

import pytest
import yaml
from tiny import run

from stages.core.errors import StageError
from stages.core.params import Params, load
from stages.core.raw import InnerPath, find


class Named(Params):
    path: InnerPath


@pytest.fixture
def raw(tmp_path, monkeypatch) -> Path:
    """An empty data/raw, and a folder elsewhere with a file in it."""
    monkeypatch.chdir(tmp_path)
    Path("data/raw").mkdir(parents=True)
    Path("elsewhere").mkdir()
    Path("elsewhere/a.txt").write_text("one")
    return Path("data/raw")


@pytest.mark.parametrize("path", ["/srv/a.txt", "../a.txt", "b/../../a.txt", ".."])
def test_a_path_outside_the_folder_is_refused(tmp_path, path):
    file = tmp_path / "named.yaml"
    file.write_text(yaml.safe_dump({"path": path}))
    with pytest.raises(StageError, match=rf"'path' is '{path}': .*changes outside data/raw"):
        load(file, Named)


@pytest.mark.parametrize("path", ["a.txt", "b/a.txt", "b/../a.txt", "..a.txt", "."])
def test_a_path_inside_the_folder_is_accepted(raw, path):
    (raw / "b").mkdir()
    for name in ("a.txt", "b/a.txt", "..a.txt"):
        (raw / name).touch()
    assert find(raw, Named(path=path).path).samefile(raw / path)


def test_a_missing_path_is_reported_with_the_available_ones_and_the_way_to_add_it(raw):
    for name in ("README.md", "old.txt", "reviews", "reviews.dvc"):
        (raw / name).touch()
    with pytest.raises(StageError, match=r"there is no data/raw/new/a\.txt: put it") as error:
        find(raw, "new/a.txt")
    assert "(in data/raw: old.txt, reviews)" in str(error.value)
    assert "`dvc add data/raw/new` and `git add data/raw/new.dvc`" in str(error.value)


def test_a_link_to_a_file_is_accepted(raw):
    (raw / "a.txt").symlink_to(Path("elsewhere/a.txt").absolute())
    assert find(raw, "a.txt").read_text() == "one"
    (raw / "b").mkdir()
    (raw / "b/a.txt").symlink_to("../a.txt")
    assert find(raw, "b") == raw / "b"


@pytest.mark.parametrize(
    ("link", "path"), [("b", "b"), ("b", "b/a.txt"), ("c/d/b", "c"), ("c/loop", "c")]
)
def test_a_link_to_a_folder_is_refused(raw, link, path):
    (raw / link).parent.mkdir(parents=True, exist_ok=True)
    target = "." if "loop" in link else Path("elsewhere").absolute()
    (raw / link).symlink_to(target, target_is_directory=True)
    with pytest.raises(StageError, match=f"data/raw/{link} is a link to a folder"):
        find(raw, path)


def test_the_folder_itself_may_be_a_link(raw):
    raw.rmdir()
    raw.symlink_to(Path("elsewhere").absolute())
    assert find(raw, "a.txt").read_text() == "one"


def test_dvc_notices_changes_behind_links_to_files_but_not_behind_links_to_folders(raw):
    (raw / "file.txt").symlink_to(Path("elsewhere/a.txt").absolute())
    Path("disk").mkdir()
    (raw / "folder").symlink_to(Path("disk").absolute())
    subprocess.run(["git", "init", "-q"], check=True)
    run(Path(), "dvc", "init", "-q")
    stage = {"cmd": "touch out", "deps": ["data/raw"], "outs": ["out"]}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"collect": stage}}))
    assert run(Path(), "dvc", "repro").returncode == 0
    Path("disk/b.txt").write_text("not noticed: the reason to refuse such links")
    assert "up to date" in run(Path(), "dvc", "status").stdout
    Path("elsewhere/a.txt").write_text("another")
    assert "modified:           data/raw" in run(Path(), "dvc", "status").stdout
