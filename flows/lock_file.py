"""dvc.lock, read and written faster than by DVC, with the same bytes, and never half."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.fs import FileSystem
from dvc.utils.serialize import dumps_yaml, load_yaml


def read(path: Path) -> dict[str, Any]:
    """Return the content of a lock file, {} if there is none."""
    return load_yaml(path) if path.exists() else {}


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace a lock file."""
    staged = path.with_suffix(".lock.partial")
    staged.write_text(dumps_yaml(content), encoding="utf-8")
    staged.replace(path)


@contextmanager
def modify(path: str, fs: FileSystem) -> Iterator[dict[str, Any]]:
    """Yield the content of a lock file, and write it with the changes made in the block.

    DVC's function of the same arguments also keeps comments, which takes two seconds per stage; a
    lock file has none. `fs`, DVC's file system, is always the local one.
    """
    content = read(Path(path))
    yield content
    write(Path(path), content)
