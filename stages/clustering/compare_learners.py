"""Compare the classifiers of documents on the same test documents."""

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field
from scipy.stats import binomtest

from stages.clustering.contracts import LEARNER_COMPARISON
from stages.core.accuracy import scores
from stages.core.bootstrap import interval, resample
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.metrics import read_metrics
from stages.core.outputs import Output, Table
from stages.core.params import Params, Variants
from stages.metrics.compare_learners import CompareLearnersMetrics
from stages.metrics.train_learner import TrainLearnerMetrics

SIGNIFICANT = 0.05


class CompareLearnersParams(Params):
    """The section `clustering.compare_learners`."""

    bootstrap_samples: int = Field(ge=10)
    seed: int


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Return the p-value of McNemar's exact test that two classifiers are equally accurate.

    Args:
        first: whether each document is classified correctly by one, (documents,).
        second: the same by the other.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)


def holm(p_values: list[float]) -> list[float]:
    """Return p-values that are adjusted for their number (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    remaining = len(p_values) - np.arange(len(p_values))
    raised = np.minimum(np.maximum.accumulate(np.array(p_values)[order] * remaining), 1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = raised
    return adjusted.tolist()


def compare(
    correct: dict[str, np.ndarray],
    validation: dict[str, float],
    majority: np.ndarray,
    samples: int,
    seed: int,
) -> pd.DataFrame:
    """Return the table `learners`, with the classifier best on validation first.

    Args:
        correct: whether each test document is classified correctly, by classifier.
        validation: accuracy on the validation split, by classifier.
        majority: whether the most frequent label is correct for each test document, (documents,).
        samples: number of bootstrap samples.
        seed: seed of the samples.
    """
    order = sorted(correct, key=lambda name: -validation[name])
    best, *others = order
    adjusted = holm([mcnemar(correct[best], correct[name]) for name in others])
    p_values = {best: 1.0, **dict(zip(others, adjusted, strict=True))}
    draws = resample(len(majority), samples, seed)
    rows = []
    for name in order:
        behind = correct[best].astype(float) - correct[name]
        above = correct[name].astype(float) - majority
        rows.append(
            (
                name,
                validation[name],
                correct[name].mean(),
                behind.mean(),
                *interval(behind[draws].mean(axis=1)),
                p_values[name],
                interval(above[draws].mean(axis=1))[0],
            )
        )
    return pd.DataFrame(rows, columns=LEARNER_COMPARISON.schema.names)


@command
def main(
    *,
    params: CompareLearnersParams,
    train_learner: Variants,
    train_learner_metrics: Input,
    train_learner_data: Input,
    learners: Table[LEARNER_COMPARISON],
    metrics: Output,
) -> None:
    """Compare the classifiers of documents with each other and with the most frequent label.

    Args:
        train_learner: section whose keys are the names of the classifiers
        train_learner_metrics: folder of their metrics
        train_learner_data: folder with a folder of tables for each of them
    """
    trained = {
        name: read_metrics(train_learner_metrics / f"{name}.json", TrainLearnerMetrics)
        for name in train_learner.names
    }
    if not trained:
        raise StageError("params.yaml: clustering.train_learner is empty: add a section")
    scored = {name: own.learner for name, own in trained.items() if own.learner}
    if not scored:
        learners.write(learners.schema.empty_table())
        reason = next(iter(trained.values())).unscored
        metrics.write_json(
            CompareLearnersMetrics(
                best=None, no_worse=[], not_above_majority=[], majority=None, unscored=reason
            )
        )
        return
    tables = {
        name: pd.read_parquet(train_learner_data / name / "predictions.parquet").set_index("point")
        for name in scored
    }
    first = next(iter(tables.values()))
    correct = {
        name: (table["truth"] == table["prediction"]).loc[first.index].to_numpy()
        for name, table in tables.items()
    }
    majority = next(own.majority for own in trained.values())
    truth = first["truth"].to_numpy()
    table = compare(
        correct,
        {name: own.validation_accuracy for name, own in scored.items()},
        truth == majority,
        params.bootstrap_samples,
        params.seed,
    )
    learners.write(pa.Table.from_pandas(table, learners.schema, preserve_index=False))
    best, *others = table["learner"]
    tied = table.set_index("learner").loc[others]
    tied = tied[(tied["p_value"] > SIGNIFICANT) | (tied["behind"] <= 0)]
    metrics.write_json(
        CompareLearnersMetrics(
            best=best,
            no_worse=tied.index.tolist(),
            not_above_majority=table.loc[table["above_majority_low"] <= 0, "learner"].tolist(),
            majority=scores(truth.tolist(), [majority] * len(truth)),
        )
    )
