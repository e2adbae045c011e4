"""A stage's command line, which the signature of its `main` declares.

    @command
    def main(*, params: ProfileParams, documents: Input, growth: Table[GROWTH], metrics: Output):

Every argument is an option of the same name, and its annotation says what the option takes:

    a model of parameters    a section of params.yaml by its dotted name, or a YAML file by its path
    Input                    a file or folder to read
    Output                   a file to write
    Table[CONTRACT]          a Parquet table to write, which has to keep the contract
    str                      a word

A stage that writes tables has the option `--validation` as well, for the results of their checks.

The parser is made from the source of the module, without importing it: `--help`, and the message
about a mistyped option, wait for no library. That, and that no library of command lines knows how
to stage outputs, is why argparse is used directly.
"""

import argparse
import ast
import difflib
import functools
import importlib
import inspect
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn, get_origin, get_type_hints

from stages.core.errors import StageError

STAGES = Path(__file__).parents[1]
Input = Path
_TAKES = {
    "Input": "file or folder to read",
    "Output": "file to write",
    "Table": "table to write, checked against its contract",
    "str": "word",
    "Params": "section of params.yaml by its dotted name, or a YAML file",
}
_METAVARS = {"str": "WORD", "Params": "SECTION"}


class Option(NamedTuple):
    """An option of a stage.

    Attributes:
        name: the name of the argument of `main`.
        kind: `Input`, `Output`, `Table`, `str` or `Params`.
        help: what the docstring of `main` says of it, or else what its kind takes.
    """

    name: str
    kind: str
    help: str

    @property
    def flag(self) -> str:
        """The option as it is typed."""
        return f"--{self.name.replace('_', '-')}"


class Signature(NamedTuple):
    """What a stage does, in a sentence, and the options of its command."""

    summary: str
    options: tuple[Option, ...]


VALIDATION = Option("validation", "Output", "file for the results of the checks of the tables")


def stages() -> dict[str, Path]:
    """Return the file of every stage by its name, `room.stage`.

    A stage is a module at the top level of a room that has a function `main`.
    """
    files = sorted(STAGES.glob("*/*.py"))
    return {f"{file.parent.name}.{file.stem}": file for file in files if _main(file)}


def signature(stage: Path) -> Signature:
    """Return the signature of the stage in a file."""
    main = _main(stage)
    summary, *rest = inspect.cleandoc(ast.get_docstring(main) or "").split("\n")
    described = dict(re.findall(r"^ +(\w+): (.*(?:\n {8,}.*)*)", "\n".join(rest), re.MULTILINE))
    options = []
    for argument in main.args.kwonlyargs:
        annotation = argument.annotation
        if isinstance(annotation, ast.Subscript):
            annotation = annotation.value
        name = annotation.id if isinstance(annotation, ast.Name) else ""
        kind = name if name in _TAKES else "Params"
        takes = " ".join(described.get(argument.arg, _TAKES[kind]).split())
        options.append(Option(argument.arg, kind, takes))
    if any(option.kind == "Table" for option in options):
        options.append(VALIDATION)
    return Signature(summary, tuple(options))


@functools.cache
def _main(file: Path) -> ast.FunctionDef | None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return next((node for node in functions if node.name == "main"), None)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog.split()[-1]}: {message}; see --help\n")


def parse(name: str, argv: list[str]) -> dict[str, str]:
    """Return the values of a stage's options; exit with a sentence where they are wrong."""
    summary, options = signature(stages()[name])
    parser = _Parser(
        prog=f"python -m stages {name}",
        usage=f"python -m stages {name} OPTIONS",
        description=summary,
        allow_abbrev=False,
    )
    for option in options:
        metavar = _METAVARS.get(option.kind, "PATH")
        parser.add_argument(option.flag, required=True, metavar=metavar, help=option.help)
    return vars(parser.parse_args(argv))


def command(main: Callable[..., None]) -> Callable[..., None]:
    """Have `main` called with what its annotations say, made of sections and paths.

    The function that comes back takes, by keyword, the dotted name of a section or a model of
    parameters for each section, and a path for each file. Outputs appear together when `main` has
    returned and every table keeps its contract; none appears otherwise.
    """

    @functools.wraps(main)
    def run(*, validation: Path | str | None = None, **arguments: Any) -> None:
        # Imported here: `--help` needs no Arrow.
        from stages.core.outputs import Staging

        hints = get_type_hints(main, include_extras=True)
        with Staging(validation and Path(validation)) as staging:
            main(**{k: _value(k, hints[k], value, staging) for k, value in arguments.items()})

    return run


def _value(name: str, hint: Any, value: Any, staging: Any) -> Any:
    """Return what `main` gets for an option."""
    from pydantic import BaseModel

    from stages.core.outputs import Output
    from stages.core.params import load

    if get_origin(hint) is Annotated:
        return staging.table(Path(value), *hint.__metadata__)
    if hint is Output:
        return staging.output(Path(value))
    if hint is Input:
        return _readable(name, Path(value))
    if issubclass(hint, BaseModel) and isinstance(value, str | Path):
        return load(value, hint)
    return value


def _readable(name: str, path: Path) -> Path:
    """Return `path` if it is there and, where it is a table, complete."""
    if not path.exists():
        raise StageError(f"{path} does not exist, which --{name.replace('_', '-')} names")
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            pq.read_metadata(path)
        except pa.ArrowInvalid as error:
            raise StageError(f"{path} is not a readable table: {error}") from None
    return path


def check(commands: Iterable[str]) -> list[str]:
    """Return what is known to be wrong with commands before they run, in a sentence each.

    Every section of parameters is read, and every input that no command writes has to exist. A
    stage that can say more has a function `check` beside `main`, which takes some of the arguments
    of `main` (inputs as paths) and raises a StageError.

    Args:
        commands: commands `python -m stages ROOM.STAGE OPTIONS`.
    """
    known = stages()
    calls = []
    for words in map(shlex.split, commands):
        name = words[3]
        calls.append((name, parse(name, words[4:]), signature(known[name]).options))
    written = {
        arguments[option.name]
        for _, arguments, options in calls
        for option in options
        if option.kind in ("Output", "Table")
    }
    # A folder is there once something in it is.
    written |= {str(folder) for path in written for folder in Path(path).parents}
    found: dict[str, None] = {}  # in order, each once
    for name, arguments, options in calls:
        module = importlib.import_module(f"stages.{name}")
        hints = get_type_hints(module.main, include_extras=True)
        wrong = False
        for option in options:
            value = arguments[option.name]
            if option.kind == "Params" or (option.kind == "Input" and value not in written):
                try:
                    arguments[option.name] = _value(option.name, hints[option.name], value, None)
                except StageError as error:
                    found[str(error)], wrong = None, True
        if hasattr(module, "check") and not wrong:
            try:
                names = inspect.signature(module.check).parameters
                module.check(**{key: arguments[key] for key in names})
            except StageError as error:
                found[str(error)] = None
    return list(found)


def run(argv: list[str]) -> int:
    """Run the stage that `argv` names and return the exit status."""
    known = stages()
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: python -m stages ROOM.STAGE OPTIONS\n")
        print("`python -m stages ROOM.STAGE --help` explains the options of a stage, and")
        print("`python -m stages check` reads commands and says what is wrong with them.\n")
        for name, file in known.items():
            print(f"  {name:36} {signature(file).summary}")
        return 0 if argv else 2
    name, *rest = argv
    if name == "check":
        wrong = check(sys.stdin)
        print(*wrong, sep="\n", end="\n" * bool(wrong), file=sys.stderr)
        return int(bool(wrong))
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        meant = f" (did you mean '{close[0]}'?)" if close else f"; there are: {', '.join(known)}"
        print(f"no stage is called '{name}'{meant}", file=sys.stderr)
        return 2
    arguments = parse(name, rest)  # before the module is imported: that takes seconds
    return reported(name, lambda: importlib.import_module(f"stages.{name}").main(**arguments))


def reported(name: str, call: Callable[[], None]) -> int:
    """Call a function, print what it fails with as one sentence, and return the exit status."""
    try:
        call()
    except StageError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"{name}: {place}{error.strerror or error}; nothing was written", file=sys.stderr)
        return 1
    except ValueError as error:
        import pyarrow as pa

        if not isinstance(error, pa.ArrowInvalid):
            raise
        print(f"{name}: Arrow could not read or write a table ({error})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


# A stage takes the threads it declares, not those the machine has: the order in which threads
# add floats up would otherwise reach the bytes of what it writes. The same holds for the order
# of hashed strings.
FIXED_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def ensure_fixed_environment() -> None:
    """Start the process anew where its environment is not the fixed one."""
    if any(os.environ.get(key) != value for key, value in FIXED_ENVIRONMENT.items()):
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **FIXED_ENVIRONMENT})
