"""The command line of a stage, declared by the signature of its `main`.

    @command
    def main(*, params: ProfileParams, documents: Input, growth: Table[GROWTH], metrics: Output):

Each argument is an option of the same name. Its annotation determines the value of the option:

    a parameter model    the dotted name of a section of params.yaml, or the path of a YAML file
    Input                a file or folder to read
    Output               a file to write
    Table[CONTRACT]      a Parquet table to write, checked against the contract
    str                  a word
    Workers              a number of processes or threads, or its name in conf/execution.yaml

A stage that writes tables also has the option `--validation`, for the results of these checks.

The parser is built from the source of the module without importing it, so `--help` and messages
about mistyped options do not wait for libraries to load. This is why argparse is used directly;
besides, no command-line library stages outputs.
"""

import argparse
import ast
import difflib
import functools
import importlib
import inspect
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NewType, NoReturn, get_origin, get_type_hints

from stages.core.errors import StageError

STAGES = Path(__file__).parents[1]
Input = Path
Workers = NewType("Workers", int)
_KINDS = {
    "Input": "file or folder to read",
    "Output": "file to write",
    "Table": "table to write, checked against its contract",
    "str": "word",
    "Workers": "number of processes or threads, or its name in conf/execution.yaml",
    "Params": "dotted name of a section of params.yaml, or a YAML file",
}
_METAVARS = {"str": "WORD", "Workers": "NUMBER", "Params": "SECTION"}


class Option(NamedTuple):
    """An option of a stage.

    Attributes:
        name: name of the argument of `main`.
        kind: `Input`, `Output`, `Table`, `str`, `Workers` or `Params`.
        help: description from the docstring of `main`, or else of the kind.
    """

    name: str
    kind: str
    help: str

    @property
    def flag(self) -> str:
        """The option as typed on the command line."""
        return f"--{self.name.replace('_', '-')}"


class Signature(NamedTuple):
    """A one-sentence summary of a stage and the options of its command."""

    summary: str
    options: tuple[Option, ...]


VALIDATION = Option("validation", "Output", "file for the results of checking the tables")


def stages() -> dict[str, Path]:
    """Return the file of every stage by its name, `room.stage`.

    A stage is a module at the top level of a room that has a function `main`.
    """
    files = sorted(STAGES.glob("*/*.py"))
    return {f"{file.parent.name}.{file.stem}": file for file in files if _main(file)}


def _file(name: str) -> Path | None:
    """Return the file of one stage, without reading the others; None if there is no such stage."""
    room, _, stage = name.partition(".")
    file = STAGES / room / f"{stage}.py"
    return file if stage.isidentifier() and file.exists() and _main(file) else None


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
        kind = name if name in _KINDS else "Params"
        help_ = " ".join(described.get(argument.arg, _KINDS[kind]).split())
        options.append(Option(argument.arg, kind, help_))
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
    """Return the values of a stage's options; exit with one sentence if they are invalid."""
    summary, options = signature(_file(name))
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
    """Return a function that converts its arguments to the annotated types and calls `main`.

    The function takes keyword arguments: a section's dotted name or a parameter model for each
    section, and a path for each file. The outputs appear together once `main` has returned and
    every table meets its contract; otherwise none of them appears.
    """

    @functools.wraps(main)
    def run(*, validation: Path | str | None = None, **arguments: Any) -> None:
        # Imported here because `--help` does not need Arrow.
        from stages.core.outputs import Output, Staging

        hints = get_type_hints(main, include_extras=True)
        _check_files({**hints, "validation": Output}, {**arguments, "validation": validation})
        words = {name: value for name, value in arguments.items() if hints[name] is str}
        with Staging(validation and Path(validation), words) as staging:
            main(**{k: _value(k, hints[k], value, staging) for k, value in arguments.items()})

    return run


def _check_files(hints: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Check that no two options name the same file if a stage writes it.

    Raises:
        StageError: an output is a folder, or another option names it too.
    """
    from stages.core.outputs import Output

    used: dict[Path, str] = {}
    for name in sorted(arguments, key=lambda name: hints[name] is not Input):
        is_output = hints[name] is Output or get_origin(hints[name]) is Annotated
        if arguments[name] is None or not (is_output or hints[name] is Input):
            continue
        flag, path = f"--{name.replace('_', '-')}", Path(arguments[name])
        if is_output and path.is_dir():
            raise StageError(f"{flag}: {path} is a folder: name a file")
        other = used.setdefault(path.resolve(), flag)
        if is_output and other != flag:
            raise StageError(f"{flag}: {path} is also {other}: name another file")


def _value(name: str, hint: Any, value: Any, staging: Any) -> Any:
    """Convert the value of an option to the argument of `main`."""
    from pydantic import BaseModel

    from stages.core.outputs import Output
    from stages.core.params import load, load_workers

    if get_origin(hint) is Annotated:
        return staging.table(Path(value), *hint.__metadata__)
    if hint is Output:
        return staging.output(Path(value))
    if hint is Input:
        return _readable(name, Path(value))
    if hint is Workers:
        return load_workers(value) if isinstance(value, str) else value
    if issubclass(hint, BaseModel) and isinstance(value, str | Path):
        return load(value, hint)
    return value


def _readable(name: str, path: Path) -> Path:
    """Return `path` if it exists and, if it is a table, is complete."""
    if not path.exists():
        raise StageError(f"--{name.replace('_', '-')}: {path} does not exist")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "np"):
                pass
        except SafetensorError as error:
            raise StageError(f"{path} is not a readable file of weights: {error}") from None
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            pq.read_metadata(path)
        except pa.ArrowInvalid as error:
            raise StageError(f"{path} is not a readable table: {error}") from None
    return path


def check(commands: Iterable[str]) -> list[str]:
    """Return the errors that can be found before the commands run, one sentence each.

    Every section of parameters is read, and every input that no command writes must exist. A
    stage that can check more has a function `check` next to `main`, which takes some of the
    arguments of `main` (inputs as paths) and raises StageError.

    Args:
        commands: command lines, `python -m stages ROOM.STAGE OPTIONS`.
    """
    from stages.core.params import read_params

    try:
        # First: a key with a space would make options of the commands that it is part of.
        read_params()
    except StageError as error:
        return [str(error)]
    calls = []
    for words in map(shlex.split, commands):
        name = words[3]
        calls.append((name, parse(name, words[4:]), signature(_file(name)).options))
    written = {
        arguments[option.name]
        for _, arguments, options in calls
        for option in options
        if option.kind in ("Output", "Table")
    }
    # A folder exists as soon as a file in it does.
    written |= {str(folder) for path in written for folder in Path(path).parents}
    errors: dict[str, None] = {}  # an ordered set
    for name, arguments, options in calls:
        module = importlib.import_module(f"stages.{name}")
        hints = get_type_hints(module.main, include_extras=True)
        is_valid = True
        for option in options:
            value = arguments[option.name]
            is_written = option.kind == "Input" and value in written
            if option.kind in ("Params", "Workers", "Input") and not is_written:
                try:
                    arguments[option.name] = _value(option.name, hints[option.name], value, None)
                except StageError as error:
                    errors[str(error)], is_valid = None, False
        if hasattr(module, "check") and is_valid:
            try:
                names = inspect.signature(module.check).parameters
                module.check(**{key: arguments[key] for key in names})
            except StageError as error:
                errors[str(error)] = None
    return list(errors)


def run(argv: list[str]) -> int:
    """Run the stage that `argv` names and return the exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: python -m stages ROOM.STAGE OPTIONS\n")
        print("`python -m stages ROOM.STAGE --help` explains the options of a stage, and")
        print("`python -m stages check COMMAND...` reports the errors in commands of stages.\n")
        for name, file in stages().items():
            print(f"  {name:36} {signature(file).summary}")
        return 0
    name, *rest = argv
    if name == "check":
        errors = check(rest)
        print(*errors, sep="\n", end="\n" * bool(errors), file=sys.stderr)
        return int(bool(errors))
    if _file(name) is None:
        known = stages()
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else f" (known: {', '.join(known)})"
        print(f"no stage is called '{name}'{hint}", file=sys.stderr)
        return 2
    arguments = parse(name, rest)  # before the module is imported: that takes seconds
    return reported(name, lambda: importlib.import_module(f"stages.{name}").main(**arguments))


def reported(name: str, call: Callable[[], None]) -> int:
    """Call a function, print its failure as one sentence, and return the exit status."""
    try:
        call()
    except StageError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        print(f"{name}: {file}{error.strerror or error}; nothing was written", file=sys.stderr)
        return 1
    except KeyError as error:
        missing = re.search(r'Field "(.+)" does not exist', str(error))
        if not missing:
            raise
        print(
            f"{name}: an input has no column '{missing[1]}': check that each option names its file",
            file=sys.stderr,
        )
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
