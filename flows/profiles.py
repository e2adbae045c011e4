"""Profiles: each file in conf/profile is a list of overrides of params.yaml."""

import contextlib
import difflib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dvc.exceptions import InvalidArgumentError
from dvc.utils.hydra import apply_overrides, to_hydra_overrides
from hydra.errors import OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from ruamel.yaml import YAMLError

from flows.check import PARAMS_FILE, dotted_names, read_yaml

FOLDER = Path("conf/profile")


@contextlib.contextmanager
def applied(profile: str) -> Iterator[list[str]]:
    """Set the values of a profile in params.yaml, and set them back if the block fails.

    Yields a line for each value that changes.

    Args:
        profile: name of a file in conf/profile.

    Raises:
        ValueError: the profile does not exist or DVC cannot apply it; params.yaml is unchanged.
        OSError: params.yaml cannot be read or written; the message says if it keeps new values.
    """
    file = FOLDER / f"{profile}.yaml"
    overrides = _read(file)
    original, before = PARAMS_FILE.read_bytes(), read_yaml(PARAMS_FILE)
    with _replacement() as partial:
        try:
            apply_overrides(partial, overrides)
        except (InvalidArgumentError, OmegaConfBaseException, YAMLError) as error:
            raise ValueError(f"{file}: {_explain(error, overrides, before)}") from None
        changes = _compare(_values(before), _values(read_yaml(partial)))
        if changes:
            partial.replace(PARAMS_FILE)
    try:
        yield changes
    except BaseException as failure:
        if changes:
            with _replacement(f"; it keeps the values of {file}, after: {failure!r}") as partial:
                partial.write_bytes(original)
                partial.replace(PARAMS_FILE)
        raise


def _read(file: Path) -> list[str]:
    files = sorted(FOLDER.glob("*.yaml"))
    if not files:
        raise ValueError(f"no profiles are in {FOLDER.absolute()}: run from the project's root")
    if file not in files:
        raise ValueError(f"{file} does not exist; there are: {', '.join(f.stem for f in files)}")
    overrides = read_yaml(file)
    example = "such as `- music.train_composer.rounds=2000`"
    if not overrides:
        raise ValueError(f"{file} is empty: list overrides, {example}")
    if not isinstance(overrides, list):
        raise ValueError(f"{file} is not a list of overrides, {example}")
    for override in overrides:
        if not isinstance(override, str):
            raise ValueError(f"{file}: {override!r} is not an override, {example}")
    return overrides


@contextlib.contextmanager
def _replacement(so: str = "") -> Iterator[Path]:
    """Yield the path of a copy of params.yaml, which appears whole when it is moved in place.

    Args:
        so: end of the message if it cannot be written
    """
    try:
        # A folder, because DVC knows the format of a file by its suffix. Git and DVC ignore it.
        with TemporaryDirectory(dir=".", prefix="params.", suffix=".partial") as folder:
            yield Path(shutil.copy(PARAMS_FILE, folder))
    except OSError as error:
        raise OSError(f"{PARAMS_FILE} cannot be written: {error.strerror or error}{so}") from None


def _explain(error: Exception, overrides: list[str], params: Any) -> str:
    """Return what is wrong with overrides that DVC refused; its own message names none of them."""
    names = dotted_names(params)
    for text in overrides:
        try:
            (override,) = to_hydra_overrides([text])
        except OverrideParseException:
            return f"'{text}' is not KEY=VALUE as `dvc exp run -S` takes it"
        if override.is_sweep_override():
            return f"'{text}' has several values; a profile sets one"
        key = override.key_or_group
        if key not in names and not override.is_add():
            matches = difflib.get_close_matches(key, names, n=1)
            hint = f" (did you mean '{matches[0]}'?)" if matches else ""
            return f"{PARAMS_FILE} has no '{key}'{hint}"
    return " ".join(str(error.__cause__ or error).split())


def _compare(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return a line for each value that differs."""
    return [
        f"{name}: {before.get(name, '(none)')} -> {after.get(name, '(none)')}"
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def _values(params: Any, name: str = "") -> dict[str, str]:
    """Return the values by their dotted names, as they are shown; a list is one value."""
    if not isinstance(params, dict) or not params:
        return {name: json.dumps(params, ensure_ascii=False, default=str)}
    values: dict[str, str] = {}
    for key, value in params.items():
        values |= _values(value, f"{name}.{key}".lstrip("."))
    return values
