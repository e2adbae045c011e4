"""The folders that the report is made from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import StageError


@dataclass(frozen=True)
class Inputs:
    """Where things are.

    Attributes:
        data: a folder per room.
        metrics: JSON, a file per stage or a folder of files per stage with several.
        validation: results of the checks, in the same order.
        curves: CSV, likewise.
    """

    data: dict[str, Path]
    metrics: Path
    validation: Path
    curves: Path

    def metric(self, stage: str) -> dict[str, Any]:
        """Return the metrics of a stage; empty where it has not run."""
        path = self.metrics / f"{stage}.json"
        return read_json(path) if path.exists() else {}

    def metrics_of(self, stage: str) -> dict[str, dict[str, Any]]:
        """Return the metrics of each variant of a stage, by its name."""
        files = sorted((self.metrics / stage).glob("*.json"))
        return {path.stem: read_json(path) for path in files}

    def curves_of(self, stage: str) -> dict[str, pd.DataFrame]:
        """Return the training curve of each variant of a stage, by its name."""
        files = sorted((self.curves / stage).glob("*.csv"))
        return {path.stem: pd.read_csv(path) for path in files}

    def table(self, room: str, name: str, columns: list[str] | None = None) -> pd.DataFrame | None:
        """Return a table of a room; None where it has not been written."""
        path = self.data[room] / f"{name}.parquet"
        if not path.exists():
            return None
        try:
            return pq.read_table(path, columns=columns).to_pandas()
        except pa.ArrowInvalid as error:
            raise StageError(f"{path} is damaged ({error}): dvc checkout --force") from None


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StageError(f"{path} is damaged ({error}): dvc checkout --force") from None
