"""Checks of params.yaml and the files it names, before the first stage runs."""

import difflib
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

DVC_FILE, PARAMS_FILE = Path("dvc.yaml"), Path("params.yaml")
EXECUTION_FILE = Path("conf/execution.yaml")


def check_names() -> list[str]:
    """Return a message for each section that only one of dvc.yaml and params.yaml has.

    Neither DVC nor a stage notices a section that nothing reads. The numbers of workers in
    conf/execution.yaml are checked in the same way.
    """
    try:
        graph = DVC_FILE.read_text(encoding="utf-8")
        read = {file: read_yaml(file) for file in (PARAMS_FILE, EXECUTION_FILE)}
    except FileNotFoundError as error:
        return [f"{error.filename} is not in {Path.cwd()}: run from the project's root"]
    except ValueError as error:
        return [str(error)]
    params = read[PARAMS_FILE]
    # `${key}` and `${item}` belong to a `foreach`, which names its section itself.
    named = set(re.findall(r"\$\{([\w.]+)", graph)) - {"key", "item"}
    workers = {name for name in named if name.startswith("workers.")}
    declared = yaml.load(graph, yaml.CSafeLoader)["stages"].values()
    for stage in declared:
        for name in stage.get("do", stage).get("params", []):
            if isinstance(name, str):
                named.add(name.split("${")[0].rstrip("."))
    mistakes = _compare(PARAMS_FILE, params, named - workers)
    mistakes += _compare(EXECUTION_FILE, read[EXECUTION_FILE], workers)
    iterated = {str(stage["foreach"])[2:-1] for stage in declared if "foreach" in stage}
    return mistakes + [
        f"{PARAMS_FILE}: '{name}' has to name at least one variant, each once"
        for name in sorted(iterated & dotted_names(params))
        if not _names_variants(params, name)
    ]


def read_yaml(file: Path) -> Any:
    """Read a YAML file.

    Raises:
        ValueError: the file is not YAML in UTF-8.
    """
    try:
        return yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not YAML: {' '.join(str(error).split())}") from None


def _compare(file: Path, content: Any, named: set[str]) -> list[str]:
    """Compare the sections of a file with the names by which dvc.yaml reads it."""
    sections = dotted_names(content)
    read = {name.rsplit(".", n)[0] for name in named for n in range(name.count(".") + 1)}
    missing = {name for name in read - sections if _parent(name) in sections | {""}}
    unread = [
        name
        for name in sorted(sections - read)
        # A stage checks the contents of its own section.
        if _parent(name) in (read - named) | {""}
    ]
    mistakes = []
    for name in unread:
        matches = difflib.get_close_matches(name, missing, n=1)
        missing -= set(matches)
        hint = f" (did you mean '{matches[0]}'?)" if matches else ""
        mistakes.append(f"{file}: no stage reads '{name}'{hint}")
    return mistakes + [f"{file} lacks '{name}'" for name in sorted(missing)]


def _names_variants(params: Any, name: str) -> bool:
    for part in name.split("."):
        params = params[part]
    return bool(params) and len(set(map(str, params))) == len(params)


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def check_commands(commands: Iterable[str]) -> list[str]:
    """Return a message for each mistake in the parameters and files of some stages.

    Args:
        commands: command lines of the stages.
    """
    # A file that `dvc add` made has no command, and other commands are not stages of this project.
    listed = [" ".join(command.split()) for command in commands]
    listed = [command for command in listed if command.startswith("python -m stages ")]
    if not listed:
        return []
    process = subprocess.run(
        [sys.executable, "-m", "stages", "check", *listed],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode and not process.stderr:
        raise RuntimeError(f"`python -m stages check` exited with {process.returncode}")
    return process.stderr.splitlines() if process.returncode else []


def dotted_names(params: Any, prefix: str = "") -> set[str]:
    """Return the dotted names of all sections and parameters."""
    if not isinstance(params, dict):
        return set()
    names: set[str] = set()
    for key, value in params.items():
        names |= {f"{prefix}{key}"} | dotted_names(value, f"{prefix}{key}.")
    return names
