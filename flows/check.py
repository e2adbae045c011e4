"""What can be known to be wrong before the first stage runs."""

import difflib
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

DVC_FILE, PARAMS_FILE = Path("dvc.yaml"), Path("params.yaml")


def check_names() -> list[str]:
    """Return a sentence for each section that dvc.yaml names and params.yaml lacks, or vice versa.

    Neither DVC nor a stage notices a name that nothing reads.
    """
    graph = DVC_FILE.read_text(encoding="utf-8")
    try:
        params = yaml.safe_load(PARAMS_FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [f"{PARAMS_FILE} is not in {Path.cwd()}: run from the project's root"]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return [f"{PARAMS_FILE} is not YAML: {' '.join(str(error).split())}"]
    sections = _sections(params)
    # `${item.workers}` and `${key}` are of a `foreach`, which names its section itself.
    named = set(re.findall(r"\$\{([\w.]+)", graph)) - {"key", "item"}
    named = {name for name in named if not name.startswith("item.")}
    for stage in yaml.safe_load(graph)["stages"].values():
        for name in stage.get("do", stage).get("params", []):
            if isinstance(name, str):
                named.add(name.split("${")[0].rstrip("."))
    read = {name.rsplit(".", n)[0] for name in named for n in range(name.count(".") + 1)}
    missing = {name for name in read - sections if _parent(name) in sections | {""}}
    unread = [
        name
        for name in sorted(sections - read)
        # What lies in a section that a stage reads is checked by that stage.
        if _parent(name) in (read - named) | {""}
    ]
    found = []
    for name in unread:
        meant = difflib.get_close_matches(name, missing, n=1)
        missing -= set(meant)
        also = f" (did you mean '{meant[0]}'?)" if meant else ""
        found.append(f"{PARAMS_FILE}: no stage reads '{name}'{also}")
    return found + [f"{PARAMS_FILE} lacks '{name}'" for name in sorted(missing)]


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def check_commands(commands: Iterable[str]) -> list[str]:
    """Return a sentence for each thing that is wrong with the parameters and files of stages.

    Args:
        commands: commands of the stages that will run.
    """
    listed = [" ".join(command.split()) for command in commands]
    if not listed:
        return []
    done = subprocess.run(
        [sys.executable, "-m", "stages", "check"],
        input="\n".join(listed),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and not done.stderr:
        raise RuntimeError(f"`python -m stages check` ended with {done.returncode}")
    return done.stderr.splitlines() if done.returncode else []


def _sections(params: Any, prefix: str = "") -> set[str]:
    if not isinstance(params, dict):
        return set()
    names: set[str] = set()
    for key, value in params.items():
        names |= {f"{prefix}{key}"} | _sections(value, f"{prefix}{key}.")
    return names
