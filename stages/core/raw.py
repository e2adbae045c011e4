"""Where data comes from: `data/raw`, where DVC notices changes, and installed packages."""

import importlib.util
import os
import posixpath
import unicodedata
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from stages.core.errors import StageError


def _inside(path: str) -> str:
    if posixpath.isabs(path) or posixpath.normpath(path).split("/")[0] == "..":
        raise ValueError(
            "DVC does not notice changes outside data/raw: copy it there (a link is enough for a "
            "single file) and give its path relative to data/raw"
        )
    return path


# A path relative to `data/raw` or to the folder of a package.
InnerPath = Annotated[str, AfterValidator(_inside)]


def find(raw: Path, path: str) -> Path:
    """Return the full path of `path` in the folder `raw`.

    DVC follows links to files but not links to folders, so it would not notice changes there.

    Raises:
        StageError: the path does not exist, or a folder on the way to it, in it or itself is a
            link.
    """
    found = _as_on_disk(raw / path)
    if not found.exists():
        names = {entry.name for entry in raw.iterdir()} if raw.is_dir() else set()
        names = {name for name in names - {"README.md"} if not name.endswith(".dvc")}
        available = ", ".join(sorted(names)) or "nothing"
        top = raw.joinpath(*Path(path).parts[:1])
        raise StageError(
            f"there is no {found}: put it there, or name another (in {raw}: {available}); `dvc exp "
            "run --temp` and `--queue` work in a copy of the project, which contains it only after "
            f"`dvc add {top}` and `git add {top}.dvc`, or with `--copy-paths {top}`"
        )
    above = [folder for folder in found.parents if raw in folder.parents]
    below = [Path(top, name) for top, names, _ in os.walk(found) for name in names]
    for folder in sorted([*above, found, *below]):
        if folder.is_symlink() and folder.is_dir():
            raise StageError(
                f"{folder} is a link to a folder, and DVC does not notice changes there: replace "
                "it by a copy of the folder"
            )
    return found


def find_in_package(package: str, path: str) -> Path:
    """Return the full path of `path` in the folder of an installed package.

    Raises:
        StageError: the package is not installed or does not contain the path.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise StageError(f"the package '{package}' is not installed: run `make run`")
    found = Path(spec.origin).parent / path
    if not found.exists():
        raise StageError(f"there is no {found}: the package '{package}' does not contain it")
    return found


def _as_on_disk(path: Path) -> Path:
    """Return `path` as it is spelled on disk, where Hangul and accents may be in NFC or NFD."""
    if path.exists() or path.parent == path or not path.name:
        return path
    parent = _as_on_disk(path.parent)
    normalized = unicodedata.normalize("NFC", path.name)
    names = sorted(os.listdir(parent)) if parent.is_dir() else []
    return parent / next(
        (name for name in names if unicodedata.normalize("NFC", name) == normalized), path.name
    )
