"""Typed sections of `params.yaml`, which documents every parameter; the code has no defaults."""

import difflib
import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    PositiveInt,
    PrivateAttr,
    RootModel,
    ValidationError,
)

from stages.core.errors import StageError

PARAMS_FILE = Path("params.yaml")
EXECUTION_FILE = Path("conf/execution.yaml")


class Params(BaseModel):
    """A section of `params.yaml`: read-only, complete, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    _section: str = PrivateAttr("")

    @property
    def section(self) -> str:
        """The dotted name of the section, or the path of the file it was read from."""
        return self._section


class Variants(RootModel[list[str] | dict[str, Any]]):
    """The variants of a stage: the keys or items of the section that `foreach` names.

    Other files in the folders of the stage are of variants that were removed, and no stage reads
    them.
    """

    model_config = ConfigDict(frozen=True)
    _section: str = PrivateAttr("")

    @property
    def section(self) -> str:
        """The dotted name of the section."""
        return self._section

    @property
    def names(self) -> list[str]:
        """The names in the order of the section."""
        return list(self.root)


class Kind(Params, extra="ignore"):
    """A section whose `kind` determines its other parameters."""

    kind: str


Section = TypeVar("Section", bound=BaseModel)


def load(section: str | Path, model: type[Section]) -> Section:
    """Read a section of `params.yaml`, or another YAML file, and validate it against `model`.

    Args:
        section: dotted name of the section, or path of a file that ends in `.yaml`.
        model: model of the section: `Params`, or a `RootModel` of a list or of all keys.

    Raises:
        StageError: the file or the section is missing; a key is unknown, missing or invalid (the
            message names it); or a key anywhere in `params.yaml` cannot be part of a stage's name
            and of a path.
    """
    if str(section).endswith(".yaml"):
        return _validated(_read(Path(section)), model, str(section), str(section))
    values = read_params()
    for depth, key in enumerate(section.split(".")):
        if not isinstance(values, dict) or key not in values:
            missing = ".".join(section.split(".")[: depth + 1])
            raise StageError(
                f"{PARAMS_FILE}: section '{missing}' is missing{_suggest(key, values)}"
            )
        values = values[key]
    return _validated(values, model, section, f"{PARAMS_FILE}: section '{section}'")


def load_kind(section: str, kinds: dict[str, type[Params]]) -> Params:
    """Read a section of `params.yaml` whose `kind` determines its model.

    Args:
        section: dotted name of the section.
        kinds: the models by kind.

    Raises:
        StageError: the kind is unknown, or a parameter is not one of that kind.
    """
    kind = load(section, Kind).kind
    if kind not in kinds:
        raise StageError(
            f"{PARAMS_FILE}: {section}.kind is '{kind}'; there are: {', '.join(kinds)}"
        )
    return load(section, kinds[kind])


class Execution(Params):
    """How to execute the stages: what changes no byte of a result."""

    workers: dict[str, PositiveInt]


def load_workers(value: str) -> int:
    """Return a number of processes or threads.

    Args:
        value: the number, or its name in `conf/execution.yaml`.

    Raises:
        StageError: the number is 0, or the file does not have it.
    """
    if not value.isdecimal():
        numbers = load(EXECUTION_FILE, Execution).workers
        if value not in numbers:
            raise StageError(
                f"{EXECUTION_FILE}: workers.{value} is missing{_suggest(value, numbers)}"
            )
        return numbers[value]
    if int(value) < 1:
        raise StageError("the number of workers is 0: give at least 1")
    return int(value)


def read_params() -> Any:
    """Read the whole of `params.yaml`.

    Raises:
        StageError: the file is missing, is not YAML, or has a key that cannot be part of a stage's
            name and of a path.
    """
    values = _read(PARAMS_FILE)
    _check_keys(values, "")
    return values


def _check_keys(values: Any, section: str) -> None:
    """Check that every key can be part of a section's dotted name, a path and a DVC stage."""
    if not isinstance(values, dict):
        return
    for key, nested in values.items():
        if not isinstance(key, str):
            raise StageError(
                f"{PARAMS_FILE}: the key {key!r} in '{section}' is not text: put it in quotes"
            )
        if not re.fullmatch(r"[\w-]+", key):
            suggestion = re.sub(r"[^\w-]+", "_", key)
            raise StageError(
                f"{PARAMS_FILE}: the key '{key}' in '{section}' has characters other than letters, "
                f"digits, _ and -: rename it, for instance to '{suggestion}'"
            )
        _check_keys(nested, f"{section}.{key}".lstrip("."))


def _validated(values: Any, model: type[Section], section: str, source: str) -> Section:
    try:
        params = model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_describe(problem, model) for problem in error.errors())
        raise StageError(f"{source}: {problems}") from None
    if isinstance(params, Params | Variants):
        params._section = section
    return params


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except FileNotFoundError:
        if path == PARAMS_FILE:
            message = f"{path} is not in {Path.cwd()}: run from the project's root"
            raise StageError(message) from None
        siblings = {file.stem: file for file in sorted(path.parent.glob("*.yaml"))}
        raise StageError(f"{path} does not exist{_suggest(path.stem, siblings)}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StageError(f"{path} is not YAML: {' '.join(str(error).split())}") from None


def _describe(problem: Any, model: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "(all)"
    if problem["type"] == "extra_forbidden":
        return f"unknown parameter '{key}'{_suggest(key, model.model_fields)}"
    if problem["type"] == "missing":
        return f"parameter '{key}' is missing"
    return f"'{key}' is {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _suggest(key: str, known: Any) -> str:
    names = [str(name) for name in known] if isinstance(known, dict) else []
    close = difflib.get_close_matches(key, names, n=1)
    if close:
        return f" (did you mean '{close[0]}'?)"
    return f" (known: {', '.join(names)})" if names else ""
