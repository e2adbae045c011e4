"""What a page is made from: tables, metrics and curves of the variants of a stage."""

from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from stages.core.errors import StageError
from stages.core.metrics import read_metrics
from stages.core.params import Variants

Model = TypeVar("Model", bound=BaseModel)


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table.

    Raises:
        StageError: The file does not exist or is damaged.
    """
    try:
        return pq.read_table(path, columns=columns).to_pandas()
    except FileNotFoundError:
        raise StageError(f"{path} does not exist: run the stage that writes it") from None
    except pa.ArrowInvalid as error:
        raise StageError(f"{path} is damaged ({error}): dvc checkout --force") from None


def read_tables(folder: Path, variants: Variants, name: str) -> dict[str, pd.DataFrame]:
    """Read the table of each variant of a stage: FOLDER/VARIANT/NAME.parquet."""
    return {own: read_table(folder / own / f"{name}.parquet") for own in variants.names}


def read_all_metrics(folder: Path, variants: Variants, model: type[Model]) -> dict[str, Model]:
    """Read the metrics of each variant of a stage: FOLDER/VARIANT.json."""
    return {own: read_metrics(folder / f"{own}.json", model) for own in variants.names}


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV file.

    Raises:
        StageError: The file does not exist or is damaged.
    """
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise StageError(f"{path} does not exist: run the stage that writes it") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise StageError(f"{path} is damaged ({error}): dvc checkout --force") from None


def read_curves(folder: Path, variants: Variants) -> dict[str, pd.DataFrame]:
    """Read the training curve of each variant of a stage: FOLDER/VARIANT.csv."""
    return {own: read_csv(folder / f"{own}.csv") for own in variants.names}
