"""Compare the models of word vectors on what all of them know: which is best for what."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field

from stages.core.errors import StageError
from stages.core.outputs import Outputs
from stages.core.params import Params, load
from stages.embedding.contracts import COMPARISON
from stages.embedding.scores import FEWEST_ITEMS, interval, samples

ITEM = ["test", "part", "item"]


class CompareParams(Params):
    """The section `embedding.compare`."""

    bootstrap_samples: int = Field(ge=10)
    seed: int


class Models(Params, extra="allow"):
    """The section `embedding.models`, of which only the names are asked for."""


def compare(judgements: dict[str, pd.DataFrame], n: int, seed: int) -> pd.DataFrame:
    """Return the table `comparison`.

    Every model is scored on the items that all of them cover. Models are told apart by the
    difference of their scores on equal samples of the items: where its 95 % interval holds 0, the
    one that is behind may be as good.

    Args:
        judgements: the table `judgements` of each model.
        n: samples.
        seed: of the samples.
    """
    rows: list[tuple] = []
    tests = dict.fromkeys(name for own in judgements.values() for name in own["test"].unique())
    for test in tests:
        of_test = {
            model: own[own["test"] == test].set_index(ITEM) for model, own in judgements.items()
        }
        shared = next(iter(of_test.values())).index
        for own in of_test.values():
            shared = shared[shared.isin(own.index)]
        if len(shared) < FEWEST_ITEMS:
            rows += [(test, model, len(shared), *[None] * 5) for model in of_test]
            continue
        sampled = {model: samples(own.loc[shared], n, seed) for model, own in of_test.items()}
        defined = {model: own for model, own in sampled.items() if not np.isnan(own[0])}
        best = max(defined, key=lambda model: defined[model][0], default=None)
        for model, own in sampled.items():
            behind = interval(sampled[best] - own) if model in defined else interval(own)
            rows.append((test, model, len(shared), *interval(own), behind.score, behind.low))
    return pd.DataFrame(rows, columns=COMPARISON.schema.names)


def verdicts(comparison: pd.DataFrame, measures: dict[str, str]) -> dict[str, dict]:
    """Return for each test the best model, and those that cannot be told from it."""
    found = {}
    for test, rows in comparison.groupby("test", sort=False):
        scored = rows.dropna(subset=["score"])
        best = scored.loc[scored["score"].idxmax()] if len(scored) else None
        equal = scored[(scored["behind_low"] <= 0)]["model"].tolist()
        found[test] = {
            "measure": measures[test],
            "items": int(rows["items"].iloc[0]),
            "best": None if best is None else best["model"],
            "score": None if best is None else float(best["score"]),
            "no_worse": [m for m in equal if best is not None and m != best["model"]],
        }
    return found


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("judgements", type=Path, help="folder: MODEL/judgements.parquet")
    parser.add_argument("comparison", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    parser.add_argument("--models", required=True, help="section whose keys are the models")
    args = parser.parse_args(argv)
    params = load(args.params, CompareParams)
    judgements = {}
    for name in load(args.models, Models).model_extra or {}:
        path = args.judgements / name / "judgements.parquet"
        if not path.exists():
            raise StageError(f"{path} is missing: dvc repro evaluate_embedding@{name}")
        judgements[name] = pd.read_parquet(path)
    if not judgements:
        raise StageError(f"params.yaml: section '{args.models}' has no model to compare")
    comparison = compare(judgements, params.bootstrap_samples, params.seed)
    measures = dict(
        pair
        for own in judgements.values()
        for pair in own[["test", "measure"]].drop_duplicates().itertuples(index=False, name=None)
    )
    with Outputs(args.validation) as outputs:
        table = pa.Table.from_pandas(comparison, COMPARISON.schema, preserve_index=False)
        outputs.table(args.comparison, COMPARISON, table)
        outputs.json(args.metrics, verdicts(comparison, measures))
