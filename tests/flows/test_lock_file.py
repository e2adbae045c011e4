"""dvc.lock as the flows write it is dvc.lock as DVC writes it."""

import copy
from pathlib import Path

import pytest
from dvc.fs import LocalFileSystem
from dvc.utils.serialize import load_yaml, modify_yaml
from tiny import ROOT

from flows import lock_file

LONG = "python -m stages " + " ".join(f"--option-{n} data/some/where/{n}.parquet" for n in range(9))
ENTRY = {"cmd": LONG, "deps": [{"path": "a", "md5": "1234e567890123456789012345678901", "size": 1}]}


def replace(content):
    content["stages"]["cluster@kmeans"] = ENTRY


def add(content):
    params = {"params.yaml": {"a.b": ["on", 0.1, None]}}
    content["stages"]["new@stage"] = copy.deepcopy({**ENTRY, "params": params})


def repeat(content):
    content["stages"]["collect"] = dict(content["stages"]["collect"])


def remove(content):
    del content["stages"]["tokenize"]


def several(content):
    replace(content)
    add(content)
    content["stages"]["tokenize"] = {"cmd": "first\n\n  second\n", "outs": []}


@pytest.mark.parametrize("change", [replace, add, repeat, remove, several])
def test_the_bytes_are_those_of_dvc(tmp_path, change):
    ours, theirs = tmp_path / "ours.lock", tmp_path / "theirs.lock"
    for path in (ours, theirs):
        path.write_bytes((ROOT / "dvc.lock").read_bytes())
    fs = LocalFileSystem()
    with lock_file.modify(str(ours), fs) as content:
        change(content)
    with modify_yaml(str(theirs), fs=fs) as content:
        change(content)
    assert ours.read_text() == theirs.read_text()


def test_a_first_entry_makes_the_file(tmp_path):
    path = tmp_path / "dvc.lock"
    with lock_file.modify(str(path), LocalFileSystem()) as content:
        content.update({"schema": "2.0", "stages": {"collect": ENTRY}})
    assert load_yaml(path) == {"schema": "2.0", "stages": {"collect": ENTRY}}
    assert [file.name for file in Path(tmp_path).iterdir()] == ["dvc.lock"]
