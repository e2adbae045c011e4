"""The folders that the report is made from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.errors import StageError


@dataclass(frozen=True)
class Inputs:
    """Where things are.

    Attributes:
        data: a folder per room.
        metrics: JSON, a file per stage or a folder of files per stage with several.
        validation: results of the checks, in the same order.
        curves: CSV, likewise.
        costs: CSV, a file per room, of what was measured beside the runs.
        variants: of each stage that has several, in the order of the parameters. What else lies
            in the folders is of variants that were taken out, and no part of the report.
    """

    data: dict[str, Path]
    metrics: Path
    validation: Path
    curves: Path
    costs: Path
    variants: dict[str, list[str]]

    def metric(self, stage: str) -> dict[str, Any]:
        """Return the metrics of a stage; empty where it has not run."""
        path = self.metrics / f"{stage}.json"
        return read_json(path) if path.exists() else {}

    def metrics_of(self, stage: str) -> dict[str, dict[str, Any]]:
        """Return the metrics of each variant of a stage, by its name."""
        files = {name: self.metrics / stage / f"{name}.json" for name in self.variants[stage]}
        return {name: read_json(path) for name, path in files.items() if path.exists()}

    def curves_of(self, stage: str) -> dict[str, pd.DataFrame]:
        """Return the training curve of each variant of a stage, by its name."""
        files = {name: self.curves / stage / f"{name}.csv" for name in self.variants[stage]}
        return {name: pd.read_csv(path) for name, path in files.items() if path.exists()}

    def cost(self, room: str) -> dict[str, dict[str, Any]]:
        """Return what was measured of each model of a room, by its name; often nothing."""
        path = self.costs / f"{room}.csv"
        if not path.exists():
            return {}
        return pd.read_csv(path, index_col="model").to_dict("index")

    def checks(self) -> dict[str, dict[str, Any]]:
        """Return the results of each table's checks, by the stage that wrote the tables."""
        found = {}
        for path in sorted(self.validation.rglob("*.json")):
            stage = path.relative_to(self.validation).with_suffix("").parts
            if len(stage) == 1 or stage[1] in self.variants.get(stage[0], []):
                found["@".join(stage)] = read_json(path)
        return found

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
