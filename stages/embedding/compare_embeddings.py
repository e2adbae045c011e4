"""Compare the models of word vectors on the items that all of them cover."""

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field

from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params, Variants
from stages.embedding.contracts import COMPARISON
from stages.embedding.evaluation.scores import MIN_ITEMS, interval, samples
from stages.metrics.compare_embeddings import CompareEmbeddingsMetrics

ITEM = ["test", "part", "item"]


class CompareEmbeddingsParams(Params):
    """The section `embedding.compare_embeddings`."""

    bootstrap_samples: int = Field(ge=10)
    seed: int


def compare(item_scores: dict[str, pd.DataFrame], n: int, seed: int) -> pd.DataFrame:
    """Return the table `comparison`.

    Every model is scored on the items that all models cover. Two models differ if the 95 % interval
    of the difference of their scores, on the same samples of the items, does not contain 0.

    Args:
        item_scores: tables `item_scores`, by the name of the model.
        n: number of bootstrap samples.
        seed: seed of the samples.
    """
    rows: list[tuple] = []
    tests = dict.fromkeys(name for items in item_scores.values() for name in items["test"].unique())
    for test in tests:
        items_of = {
            model: items[items["test"] == test].set_index(ITEM)
            for model, items in item_scores.items()
        }
        shared = next(iter(items_of.values())).index
        for items in items_of.values():
            shared = shared[shared.isin(items.index)]
        if len(shared) < MIN_ITEMS:
            rows += [(test, model, len(shared), *[None] * 5) for model in items_of]
            continue
        sampled = {model: samples(items.loc[shared], n, seed) for model, items in items_of.items()}
        defined = {model: scores for model, scores in sampled.items() if not np.isnan(scores[0])}
        best = max(defined, key=lambda model: defined[model][0], default=None)
        for model, scores in sampled.items():
            behind = interval(sampled[best] - scores) if model in defined else interval(scores)
            rows.append((test, model, len(shared), *interval(scores), behind.score, behind.low))
    return pd.DataFrame(rows, columns=COMPARISON.schema.names)


def verdicts(comparison: pd.DataFrame, measures: dict[str, str]) -> dict[str, dict]:
    """Return, for each test, the best model and the models that are not significantly worse."""
    result = {}
    for test, rows in comparison.groupby("test", sort=False):
        scored = rows.dropna(subset=["score"])
        best = scored.loc[scored["score"].idxmax()] if len(scored) else None
        tied = scored[(scored["behind_low"] <= 0)]["model"].tolist()
        result[test] = {
            "measure": measures[test],
            "items": int(rows["items"].iloc[0]),
            "best": None if best is None else best["model"],
            "score": None if best is None else float(best["score"]),
            "no_worse": [m for m in tied if best is not None and m != best["model"]],
        }
    return result


@command
def main(
    *,
    params: CompareEmbeddingsParams,
    train_embedding: Variants,
    item_scores: Input,
    comparison: Table[COMPARISON],
    metrics: Output,
) -> None:
    """Compare the word vectors of all models on the items that all of them cover.

    Args:
        train_embedding: section whose keys are the names of the models
        item_scores: folder with one table per model
    """
    tables = {}
    for name in train_embedding.names:
        path = item_scores / f"{name}.parquet"
        if not path.exists():
            raise StageError(f"{path} does not exist: run dvc repro evaluate_embedding@{name}")
        tables[name] = pd.read_parquet(path)
    if not tables:
        raise StageError(f"params.yaml: {train_embedding.section} has no model to compare: add one")
    compared = compare(tables, params.bootstrap_samples, params.seed)
    measures = dict(
        pair
        for items in tables.values()
        for pair in items[["test", "measure"]].drop_duplicates().itertuples(index=False, name=None)
    )
    comparison.write(pa.Table.from_pandas(compared, comparison.schema, preserve_index=False))
    metrics.write_json(CompareEmbeddingsMetrics(verdicts(compared, measures)))
