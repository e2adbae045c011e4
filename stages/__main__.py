"""Run one stage: `python -m stages ROOM.STAGE INPUTS... OUTPUTS... --params SECTION`.

`python -m stages` lists them; `python -m stages text.collect --help` explains one.
"""

import ast
import gc
import importlib
import os
import sys
from pathlib import Path

import pyarrow as pa

from stages.errors import StageError

STAGES = Path(__file__).parent
# A stage takes the threads it declares, not those the machine has: the order in which threads
# add floats up would otherwise reach the bytes of what it writes. The same holds for the order
# of hashed strings.
FIXED_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def stages() -> dict[str, str]:
    """Return every stage's name (`room.stage`) and the first line of its docstring."""
    found = {}
    for path in sorted(STAGES.glob("*/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            docstring = ast.get_docstring(tree) or ""
            found[f"{path.parent.name}.{path.stem}"] = docstring.split("\n")[0]
    return found


def run(argv: list[str]) -> int:
    """Run the stage that `argv` names and return the exit status."""
    known = stages()
    if not argv or argv[0] in ("-h", "--help"):
        print(__doc__)
        print("\n".join(f"  {name:28} {line}" for name, line in known.items()))
        return 0 if argv else 2
    name, *arguments = argv
    if name not in known:
        print(f"no stage is called '{name}'; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    sys.argv[0] = f"python -m stages {name}"
    try:
        importlib.import_module(f"stages.{name}").main(arguments)
    except StageError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except pa.ArrowInvalid as error:
        print(f"{name}: an input is no readable table: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"{name}: {place}{error.strerror or error}; nothing was written", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    # Stages hold millions of small objects and few cycles: looking for those less often is quicker.
    gc.set_threshold(100_000)
    if any(os.environ.get(key) != value for key, value in FIXED_ENVIRONMENT.items()):
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **FIXED_ENVIRONMENT})
    sys.exit(run(sys.argv[1:]))
