"""Judge word vectors: similarity, analogies, blanks, outliers, neighbours, fit, size."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field

from stages.core.outputs import Outputs
from stages.core.params import Params, load
from stages.embedding.contracts import (
    BLANKS,
    FIT,
    JUDGEMENTS,
    LIKELY,
    NEIGHBOURS,
    POSITIONS,
    SUMS,
)
from stages.embedding.corpus import Vocabulary, read_vocabulary
from stages.embedding.evaluation_sets import analogy_sets, similarity_sets
from stages.embedding.judge import (
    FIRST,
    blank_test,
    judge_analogies,
    judge_blanks,
    judge_outliers,
    judge_similarity,
)
from stages.embedding.model import Model, read_model
from stages.embedding.prediction import (
    COMMON_SHARE,
    Blank,
    Predictor,
    draw_blanks,
    likely_words,
    shown_blanks,
)
from stages.embedding.scores import score
from stages.embedding.space import Space, nearest_neighbours, nearest_to_sums, space_of

GUESSES_SHOWN = 5
POINTS_SHOWN = 1_000


class EvaluateParams(Params):
    """The section `embedding.evaluate`."""

    words: list[str]
    neighbours: int = Field(ge=1)
    arithmetic: list[str]
    blanks: int = Field(ge=1)
    blank_window: int = Field(ge=1)
    blank_examples: int = Field(ge=0)
    map_words: int = Field(ge=0)
    map_skip_words: int = Field(ge=0)
    perplexity: float = Field(gt=0)
    bootstrap_samples: int = Field(ge=10)
    seed: int


def positions(space: Space, params: EvaluateParams) -> pa.Table:
    """Return the table `positions`: frequent words in the plane, by t-SNE (Maaten, Hinton 2008).

    Empty for sparse vectors, among which no two are nearer than others.
    """
    first = params.map_skip_words
    rows = np.arange(first, min(first + params.map_words, len(space.words)))
    if not isinstance(space.units, np.ndarray) or len(rows) < 4:
        return POSITIONS.schema.empty_table()
    from sklearn.manifold import TSNE

    plane = TSNE(
        perplexity=min(params.perplexity, (len(rows) - 1) / 3),
        metric="cosine",
        init="random",
        random_state=params.seed,
    ).fit_transform(space.units[rows])
    words = [space.words[row] for row in rows]
    x, y = plane.astype(np.float64).T
    return pa.table([words, x, y], schema=POSITIONS.schema)


def fit(model: Model) -> tuple[pa.Table, dict[str, float] | None]:
    """Return the table `fit`, and the correlation of dot products with log counts.

    Of GloVe, whose promise it is (Pennington et al. 2014, equation 7); of others empty and None.
    """
    if "sample_count" not in model.tensors:
        return FIT.schema.empty_table(), None
    t = model.tensors
    row, column = t["sample_row"], t["sample_column"]
    dots = np.einsum("ij,ij->i", t["output"][row], t["context"][column]).astype(np.float64)
    dots += t["bias"][row] + t["context_bias"][column]
    logs = np.log(t["sample_count"].astype(np.float64))
    often = t["sample_count"] >= np.quantile(t["sample_count"], 0.9)
    facts = {
        "counts": len(dots),
        "correlation": _correlation(dots, logs),
        "correlation_of_frequent_tenth": _correlation(dots[often], logs[often]),
    }
    shown = np.unique(np.linspace(0, len(dots) - 1, POINTS_SHOWN).astype(int))
    columns = [
        [model.words[i] for i in row[shown]],
        [model.words[i] for i in column[shown]],
        logs[shown],
        dots[shown],
    ]
    return pa.table(columns, schema=FIT.schema), facts


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else None


def baselines(
    vocabulary: Vocabulary, blanks: list[Blank], space: Space, label_words: pd.DataFrame
) -> dict[str, float]:
    """Return what each kind of test gives to whoever knows nothing.

    Guessing at random; in blanks, naming the most frequent words.
    """
    rank = {word: n for n, word in enumerate(vocabulary.words)}
    answers = np.array([rank[blank.sentence[blank.place]] for blank in blanks])
    of_label = label_words.groupby("label").size()
    return {
        "similarity": 0.0,
        "analogies": 1 / max(len(space.words) - 3, 1),
        "outliers": float((1 / (of_label + 1)).mean()) if len(of_label) else 0.0,
        **{blank_test(k): float((answers < k).mean()) for k in FIRST if len(answers)},
    }


def summaries(
    judged: dict[str, tuple[pd.DataFrame, int]], params: EvaluateParams
) -> dict[str, dict[str, Any]]:
    """Return the score of each test with its interval, and how many of its items are covered."""
    return {
        name: {
            **score(items, params.bootstrap_samples, params.seed)._asdict(),
            "covered": len(items),
            "items": total,
        }
        for name, (items, total) in judged.items()
    }


def sections(judgements: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the accuracy of each section of each set of analogies."""
    found: dict[str, dict[str, Any]] = {}
    for (test, part), rows in judgements.groupby(["test", "part"], sort=False):
        found.setdefault(test, {})[part] = {"score": rows["got"].mean(), "covered": len(rows)}
    return found


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("label_words", type=Path)
    parser.add_argument("sets", type=Path, help="folder of people's own evaluation sets")
    for name in ("neighbours", "sums", "blanks", "likely", "positions", "fit", "judgements"):
        parser.add_argument(name, type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, EvaluateParams)

    vocabulary = read_vocabulary(args.vocabulary)
    model = read_model(args.vectors, args.model)
    space = space_of(model)
    predictor = Predictor(model, space)
    label_words = pd.read_parquet(args.label_words)
    known = set(vocabulary.words)
    blanks = draw_blanks(args.tokens, vocabulary.words, "test", params.blanks, params.seed)
    shares = vocabulary.counts / vocabulary.counts.sum()
    common = {w for w, s in zip(vocabulary.words, shares, strict=True) if s > COMMON_SHARE}

    similarity = {
        name: (judge_similarity(name, pairs, space), len(pairs))
        for name, pairs in similarity_sets(args.sets, known).items()
    }
    analogies = {
        name: (judge_analogies(name, questions, space), len(questions))
        for name, questions in analogy_sets(args.sets, known).items()
    }
    guessed = judge_blanks(blanks, params.blank_window, predictor, space)
    filled = {name: (rows, len(blanks)) for name, rows in guessed.groupby("test", sort=False)}
    outliers = judge_outliers(label_words, space)
    judged = {**similarity, **analogies, **filled, "outliers": (outliers, len(outliers))}
    judgements = pd.concat([rows for rows, _ in judged.values()], ignore_index=True)
    points, correlation = fit(model)

    n, window = params.neighbours, params.blank_window
    near = nearest_neighbours(params.words, n, space, model)
    examples = shown_blanks(
        blanks, params.blank_examples, window, GUESSES_SHOWN, predictor, space, common
    )
    tables = [
        (NEIGHBOURS, near),
        (SUMS, nearest_to_sums(params.arithmetic, n, space)),
        (BLANKS, examples),
        (LIKELY, likely_words(params.words, n, predictor, space, common)),
        (POSITIONS, positions(space, params)),
        (FIT, points),
        (JUDGEMENTS, pa.Table.from_pandas(judgements, JUDGEMENTS.schema, preserve_index=False)),
    ]
    with Outputs(args.validation) as outputs:
        for contract, table in tables:
            outputs.table(getattr(args, contract.name), contract, table)
        stored = model.vectors.size if isinstance(model.vectors, np.ndarray) else model.vectors.nnz
        outputs.json(
            args.metrics,
            {
                **model.facts,
                "words": len(model.words),
                "numbers_per_word": stored / len(model.words),
                "bytes": {
                    "vectors": args.vectors.stat().st_size,
                    "model": args.model.stat().st_size,
                    "as_dense": 4 * model.vectors.shape[0] * model.vectors.shape[1],
                },
                "scores": summaries(judged, params),
                "sections": sections(pd.concat([rows for rows, _ in analogies.values()])),
                "baselines": baselines(vocabulary, blanks, space, label_words),
                "fit": correlation,
                "words_without_vector": [word for word in params.words if word not in known],
            },
        )
