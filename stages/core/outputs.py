"""The files that a stage writes: all of them appear when it ends well, none of them otherwise."""

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
    """Return where this process writes `target` until it is complete: `NAME.PROCESS.partial`.

    A stage whose DVC was killed goes on beside the next run of it, so no two processes share a
    path. What processes that have ended left there of the same target is removed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    left = re.compile(re.escape(target.name) + r"\.(\d+)\.partial")
    for path in target.parent.iterdir():
        if (match := left.fullmatch(path.name)) and not _is_running(int(match[1])):
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
    """A file that a stage writes under another name, which gets its own when the stage ends well.

    Attributes:
        target: where the file will be.
        path: where it is written.
    """

    def __init__(self, target: Path, staging: "Staging"):
        self.target = target
        self.path = staged(target)
        self._staging = staging

    def write_json(self, value: dict[str, Any] | BaseModel) -> None:
        """Write `value` as indented JSON with its keys in a stable order.

        Of a model the keys that were given are written, not its defaults.
        """
        if isinstance(value, BaseModel):
            value = value.model_dump(exclude_unset=True)
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        self.path.write_text(text + "\n", encoding="utf-8")

    def write_csv(self, frame: pd.DataFrame) -> None:
        """Write a table as CSV, which DVC plots."""
        frame.to_csv(self.path, index=False)

    def when_written(self, callback: Callable[[], None]) -> None:
        """Have `callback` called once the stage has ended well."""
        self._staging.callbacks.append(callback)


class Table(Output):
    """A Parquet table that a stage writes and that has to keep a contract.

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
        """Return a writer that takes the table row group by row group."""
        # Long texts do not repeat: looking for equal ones would only take time.
        short = [
            f"{column.name}.list.element" if pa.types.is_list(column.type) else column.name
            for column in self.schema
            if not pa.types.is_large_string(column.type)
        ]
        return pq.ParquetWriter(self.path, self.schema, compression="zstd", use_dictionary=short)


class Staging:
    """The outputs of a stage while it runs.

    Used as a context manager around `main`. Leaving it well checks every table against its
    contract, writes the results to `validation` and renames all files into place; leaving it by
    an exception removes what was written. A process that is killed in between leaves files that
    the next run removes: see `staged`.

    Args:
        validation: file for the results of the checks, by the path of the table; None for none.
    """

    def __init__(self, validation: Path | None = None):
        self.callbacks: list[Callable[[], None]] = []
        self._validation = validation
        self._outputs: list[Output] = []

    def output(self, target: Path) -> Output:
        """Return a file to write."""
        self._outputs.append(Output(target, self))
        return self._outputs[-1]

    def table(self, target: Path, contract: Contract) -> Table:
        """Return a table to write."""
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
        broken = {place: result for place, result in results.items() if not result["success"]}
        if broken:
            # The results of a failed check are kept for people to look at.
            if self._validation is not None:
                validation.path.replace(validation.target)
            raise ContractBreach(broken)
        for output in self._outputs:
            output.path.replace(output.target)
        for callback in self.callbacks:
            callback()
