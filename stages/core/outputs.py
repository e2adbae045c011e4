"""The output files of a stage: all of them appear if it succeeds, none of them otherwise."""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from stages.core.contracts import Contract, ContractBreach


def staged(target: Path) -> Path:
    """Return the path where this process writes `target` at first: `NAME.PROCESS.partial`.

    No two processes share this path, because a stage keeps running when its DVC is killed, even
    while the next run starts it again. Files of the same target that ended processes left are
    removed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = re.compile(re.escape(target.name) + r"\.(\d+)\.partial")
    for path in target.parent.iterdir():
        if (match := partial.fullmatch(path.name)) and not _is_running(int(match[1])):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    return target.with_name(f"{target.name}.{os.getpid()}.partial")


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it runs, as another user
        return True
    return True


class Output:
    """A file that a stage writes under a temporary name; it is renamed if the stage succeeds.

    Attributes:
        target: final path of the file.
        path: path to write to.
    """

    def __init__(self, target: Path, staging: "Staging"):
        self.target = target
        self.path = staged(target)
        self._staging = staging

    @property
    def words(self) -> dict[str, str]:
        """Options of the stage that are neither sections nor files, such as its cell."""
        return self._staging.words

    def write_json(self, value: dict[str, Any] | BaseModel) -> None:
        """Write `value` as indented JSON with sorted keys.

        Of a model, only the keys that were given are written, not the defaults.
        """
        if isinstance(value, BaseModel):
            value = value.model_dump(exclude_unset=True)
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        self.path.write_text(text + "\n", encoding="utf-8")

    def write_csv(self, frame: pd.DataFrame) -> None:
        """Write a table as CSV, which DVC can plot."""
        frame.to_csv(self.path, index=False)

    def when_written(self, callback: Callable[[], None]) -> None:
        """Register `callback` to be called once the stage has succeeded."""
        self._staging.callbacks.append(callback)


class Table(Output):
    """A Parquet table that a stage writes and that must meet its contract.

    `Table[CONTRACT]` annotates an argument of a stage's `main`.
    """

    def __init__(self, target: Path, staging: "Staging", contract: Contract):
        super().__init__(target, staging)
        self.contract = contract

    def __class_getitem__(cls, contract: Contract) -> Any:
        return Annotated[cls, contract]

    @property
    def schema(self) -> pa.Schema:
        """The columns of the contract."""
        return self.contract.schema

    def write(self, table: pa.Table) -> None:
        """Write the whole table."""
        with self.writer() as writer:
            writer.write_table(table.cast(self.schema))

    def writer(self) -> pq.ParquetWriter:
        """Return a writer for the table, to which its row groups are written one by one."""
        # Long texts do not repeat, so a dictionary of them would only take time.
        short = [
            f"{column.name}.list.element" if pa.types.is_list(column.type) else column.name
            for column in self.schema
            if not pa.types.is_large_string(column.type)
        ]
        return pq.ParquetWriter(self.path, self.schema, compression="zstd", use_dictionary=short)


class Staging:
    """The outputs of a running stage, as a context manager around its `main`.

    If the block succeeds, every table is checked against its contract, the results are written to
    `validation` and all files are renamed into place. If it raises an exception, the files are
    removed. Files that a killed process leaves are removed by the next run: see `staged`.

    Args:
        validation: file for the results of the checks by table path, or None.
        words: options of the stage that are neither sections nor files, such as its cell.
    """

    def __init__(self, validation: Path | None = None, words: dict[str, str] | None = None):
        self.callbacks: list[Callable[[], None]] = []
        self.words = words or {}
        self._validation = validation
        self._outputs: list[Output] = []

    def output(self, target: Path) -> Output:
        """Add a file to write."""
        self._outputs.append(Output(target, self))
        return self._outputs[-1]

    def table(self, target: Path, contract: Contract) -> Table:
        """Add a table to write."""
        self._outputs.append(table := Table(target, self, contract))
        return table

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            for output in self._outputs:
                with contextlib.suppress(FileNotFoundError):
                    output.path.unlink()

    def _finish(self) -> None:
        for output in self._outputs:
            if not output.path.exists():
                raise RuntimeError(f"the stage did not write {output.target}")
        tables = [output for output in self._outputs if isinstance(output, Table)]
        results = {str(table.target): table.contract.check(table.path) for table in tables}
        if self._validation is not None:
            validation = self.output(self._validation)
            validation.write_json(results)
        broken = {path: result for path, result in results.items() if not result["success"]}
        if broken:
            # The results of a failed check are kept for inspection.
            if self._validation is not None:
                validation.path.replace(validation.target)
            raise ContractBreach(broken)
        for output in self._outputs:
            output.path.replace(output.target)
        for callback in self.callbacks:
            callback()
