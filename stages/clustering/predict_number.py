"""Predict a number of each document from its vector by linear regression."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score

from stages.clustering.contracts import NUMBERS
from stages.clustering.points import Points, read
from stages.core.bootstrap import interval, resample
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.metrics.predict_number import NumberScores, PredictNumberMetrics

# Fewer distinct labels are classes whose names happen to be numbers.
FEWEST_NUMBERS = 3


class PredictNumberParams(Params):
    """The section `clustering.predict_number`."""

    target: Literal["label", "tokens"] | None
    bootstrap_samples: int = Field(ge=10)
    seed: int


def numbers_of_labels(labels: list[str | None]) -> np.ndarray | None:
    """Return labels as numbers, NaN for none; None if one is not a finite number.

    Args:
        labels: labels of the documents.
    """
    numbers = pd.to_numeric(pd.Series(labels, dtype="str"), errors="coerce").to_numpy(dtype=float)
    known = np.array([label is not None for label in labels])
    return numbers if known.any() and np.isfinite(numbers[known]).all() else None


def choose_target(
    points: Points, tokens: Path, params: PredictNumberParams
) -> tuple[str, np.ndarray]:
    """Return what is predicted, and its number for each document, NaN for none.

    Raises:
        StageError: the labels are to be predicted, and are not numbers.
    """
    numbers = numbers_of_labels(points.labels)
    if params.target == "label" and numbers is None:
        raise StageError(
            f"params.yaml: {params.section}.target is label, but the corpus has no labels, or "
            "labels that are not numbers: give tokens"
        )
    if params.target == "label" or (
        params.target is None
        and numbers is not None
        and len(np.unique(numbers[~np.isnan(numbers)])) >= FEWEST_NUMBERS
    ):
        return "label", numbers
    table = pq.read_table(tokens, columns=["doc_id", "tokens"])
    lengths = pc.list_value_length(table["tokens"]).to_pylist()
    length_of = dict(zip(table["doc_id"].to_pylist(), lengths, strict=True))
    return "tokens", np.array([length_of[name] for name in points.names], dtype=float)


@command
def main(
    *,
    params: PredictNumberParams,
    points: Input,
    tokens: Input,
    numbers: Table[NUMBERS],
    metrics: Output,
) -> None:
    """Predict a number of each document by linear regression: its label or its length.

    Args:
        points: points table of the documents
        tokens: tokens of the documents, which have a length
        numbers: number of each test document, and its prediction
    """
    loaded = read(points)
    target, truth = choose_target(loaded, tokens, params)
    splits = np.array(loaded.splits)
    rows = {split: (splits == split) & ~np.isnan(truth) for split in ("train", "test")}
    facts = {
        "target": target,
        "documents": {split: own.sum() for split, own in rows.items()},
        "dimensions": loaded.vectors.shape[1],
    }
    unscored = None
    for split, own in rows.items():
        if len(np.unique(truth[own])) < 2:
            unscored = f"the {split} split has fewer than two different numbers"
    if unscored:
        numbers.write(numbers.schema.empty_table())
        metrics.write_json(PredictNumberMetrics(**facts, scores=None, unscored=unscored))
        return
    vectors = loaded.vectors.astype(np.float64)
    model = LinearRegression().fit(vectors[rows["train"]], truth[rows["train"]])
    known, guesses = truth[rows["test"]], model.predict(vectors[rows["test"]])
    draws = resample(len(known), params.bootstrap_samples, params.seed)
    errors = ((known - guesses) ** 2)[draws].mean(axis=1)
    variances = known[draws].var(axis=1)
    # R² is not defined on a sample of equal numbers.
    sampled = 1 - errors / np.where(variances > 0, variances, np.nan)
    names = [name for name, own in zip(loaded.names, rows["test"], strict=True) if own]
    numbers.write(pa.table([names, known, guesses], schema=numbers.schema))
    mean = np.full(len(known), truth[rows["train"]].mean())
    metrics.write_json(
        PredictNumberMetrics(
            **facts,
            scores=NumberScores(
                r2=r2_score(known, guesses),
                r2_interval=interval(sampled),
                mean_absolute_error=mean_absolute_error(known, guesses),
                mean_absolute_error_of_mean=mean_absolute_error(known, mean),
            ),
        )
    )
