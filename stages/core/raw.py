"""What people bring: files and folders in `data/raw`, where DVC notices when they change."""

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
            "changes outside data/raw are not noticed: copy it there (of a single file, a link "
            "will do) and write its path as seen from data/raw"
        )
    return path


# A path as seen from `data/raw`, or from the folder of a package.
InnerPath = Annotated[str, AfterValidator(_inside)]


def find(raw: Path, path: str) -> Path:
    """Return where `path` is in the folder `raw`.

    DVC follows links to files but not links to folders: it would not notice what changes there.

    Raises:
        StageError: it is not there, or a folder on the way to it, itself or in it is a link.
    """
    found = _as_on_disk(raw / path)
    if not found.exists():
        brought = {entry.name for entry in raw.iterdir()} if raw.is_dir() else set()
        brought = {name for name in brought - {"README.md"} if not name.endswith(".dvc")}
        here = ", ".join(sorted(brought)) or "nothing"
        top = raw.joinpath(*Path(path).parts[:1])
        raise StageError(
            f"there is no {found}: put it there, or name another (in {raw}: {here}); a copy of the "
            "project, in which `dvc exp run --temp` and `--queue` work, lacks it until `dvc add "
            f"{top}` and `git add {top}.dvc`, or else `--copy-paths {top}`"
        )
    above = [folder for folder in found.parents if raw in folder.parents]
    below = [Path(top, name) for top, names, _ in os.walk(found) for name in names]
    for folder in sorted([*above, found, *below]):
        if folder.is_symlink() and folder.is_dir():
            raise StageError(
                f"{folder} is a link to a folder, in which changes are not noticed: put a copy of "
                "that folder there instead"
            )
    return found


def _as_on_disk(path: Path) -> Path:
    """Return `path` as the disk spells it: Hangul and accents come in NFC and NFD."""
    if path.exists() or path.parent == path or not path.name:
        return path
    parent = _as_on_disk(path.parent)
    wanted = unicodedata.normalize("NFC", path.name)
    names = sorted(os.listdir(parent)) if parent.is_dir() else []
    return parent / next(
        (name for name in names if unicodedata.normalize("NFC", name) == wanted), path.name
    )
