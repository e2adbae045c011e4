"""dvc.lock, read and written faster than by DVC, with the same bytes, and never half."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.fs import FileSystem
from dvc.utils.serialize import dumps_yaml, load_yaml, loads_yaml


def read(path: Path) -> dict[str, Any]:
    """Return the content of a lock file, {} if there is none."""
    return load_yaml(path) if path.exists() else {}


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace a lock file."""
    _replace(path, dumps_yaml(content))


def _replace(path: Path, text: str) -> None:
    staged = path.with_suffix(".lock.partial")
    staged.write_text(text, encoding="utf-8")
    staged.replace(path)


@contextmanager
def modify(path: str, fs: FileSystem) -> Iterator[dict[str, Any]]:
    """Yield the content of a lock file, and write it with the changes made in the block.

    DVC's function of the same arguments parses comments, too, and writes every stage anew, which
    takes two seconds per stage of this project. A lock file has no comments, and here only the
    entries that changed are written. `fs`, DVC's file system, is always the local one.
    """
    file = Path(path)
    content = read(file)
    before = dict(content.get("stages", {}))
    yield content
    stages = content["stages"]
    changed = {name: stages[name] for name in stages if stages[name] is not before.get(name)}
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    text = _with_entries(text, changed)
    if loads_yaml(text) == content:
        _replace(file, text)
    else:  # the file was not written by DVC, or more than entries of stages changed
        write(file, content)


def _with_entries(text: str, stages: dict[str, Any]) -> str:
    """Return the text of a lock file with some entries replaced or appended."""
    for name, entry in stages.items():
        new = dumps_yaml({"stages": {name: entry}}).partition("\n")[2]
        key = re.escape(new.partition("\n")[0])
        text, replaced = re.subn(
            rf"^{key}\n(?:(?:    .*)?\n)*", lambda _, new=new: new, text, flags=re.MULTILINE
        )
        text += "" if replaced else new
    return text
