"""The files a stage writes: all of them appear when it ends well, none of them otherwise."""

import json
import os
import re
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from stages.contracts import Contract


def aside(target: Path) -> Path:
    """Return where this process writes `target` until it is whole: `NAME.PROCESS.partial`.

    A stage whose DVC was killed goes on beside the next run of it, so no two processes share a
    path. What processes that are gone have left there of the same target is removed.
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


class Outputs:
    """Files written aside, checked, and moved to their places together.

    Used as a context manager around the writing. Leaving it well checks every table against its
    contract, writes the results to `validation` and renames all files into place; leaving it by
    an exception removes what was written aside. A process killed in between leaves what the next
    run removes: see `aside`.

    Args:
        validation: where the results of the checks go as JSON; None for a stage without tables.
    """

    def __init__(self, validation: Path | None = None):
        self._validation = validation
        self._aside: dict[Path, Path] = {}
        self._contracts: dict[Path, Contract] = {}

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
                self._check()
                for target, aside in self._aside.items():
                    aside.replace(target)
        finally:
            for aside in self._aside.values():
                aside.unlink(missing_ok=True)

    def aside(self, target: Path) -> Path:
        """Return the path to write to now, so that `target` appears when the stage ends well."""
        self._aside[target] = aside(target)
        return self._aside[target]

    def table(self, target: Path, contract: Contract, table: pa.Table) -> None:
        """Write `table` as Parquet, to be checked against `contract`."""
        with self.table_writer(target, contract) as writer:
            writer.write_table(table.cast(contract.schema))

    def table_writer(self, target: Path, contract: Contract) -> pq.ParquetWriter:
        """Return a writer that takes the table row group by row group."""
        self.expect(target, contract)
        # Long texts do not repeat: looking for equal ones would only take time.
        short = [
            f"{column.name}.list.element" if pa.types.is_list(column.type) else column.name
            for column in contract.schema
            if not pa.types.is_large_string(column.type)
        ]
        return pq.ParquetWriter(
            self.aside(target), contract.schema, compression="zstd", use_dictionary=short
        )

    def expect(self, target: Path, contract: Contract) -> None:
        """Have the table `target`, written aside by any means, checked against `contract`."""
        if target.stem != contract.name:
            raise ValueError(f"{target} is not named after its contract '{contract.name}'")
        self._contracts[target] = contract

    def json(self, target: Path, value: Any) -> None:
        """Write `value` as indented JSON with a stable order of keys."""
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        self.aside(target).write_text(text + "\n", encoding="utf-8")

    def _check(self) -> None:
        results = {}
        for target, contract in self._contracts.items():
            results[contract.name] = contract.check(self._aside[target])
        if self._validation is not None:
            self.json(self._validation, results)
