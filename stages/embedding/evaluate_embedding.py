"""Evaluate word vectors by similarity, analogies, cloze questions and outlier detection."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field

from stages.core.command import Input, command
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.embedding.contracts import (
    CLOZE,
    CONTEXT_WORDS,
    GLOVE_FIT,
    ITEM_SCORES,
    MAP,
    NEIGHBOURS,
    VECTOR_ARITHMETIC,
)
from stages.embedding.evaluation.evaluation_sets import analogy_sets, similarity_sets
from stages.embedding.evaluation.items import (
    TOP_K,
    cloze_test,
    score_analogies,
    score_cloze,
    score_outliers,
    score_similarity,
)
from stages.embedding.evaluation.prediction import (
    COMMON_SHARE,
    ClozeQuestion,
    Predictor,
    cloze_examples,
    draw_cloze,
    likely_context,
)
from stages.embedding.evaluation.scores import correlation, score
from stages.embedding.evaluation.space import Space, nearest_neighbours, nearest_to_sums, space_of
from stages.embedding.models.model import Model, read_model
from stages.embedding.models.training_text import Vocabulary, read_vocabulary
from stages.metrics.evaluate_embedding import EvaluateEmbeddingMetrics

GUESSES_SHOWN = 5
POINTS_SHOWN = 1_000


class EvaluateEmbeddingParams(Params):
    """The section `embedding.evaluate_embedding`."""

    words: list[str]
    neighbours: int = Field(ge=1)
    arithmetic: list[str]
    cloze_questions: int = Field(ge=1)
    cloze_window: int = Field(ge=1)
    shown_cloze_questions: int = Field(ge=0)
    map_words: int = Field(ge=0)
    map_skip_words: int = Field(ge=0)
    perplexity: float = Field(gt=0)
    bootstrap_samples: int = Field(ge=10)
    seed: int


def word_map(space: Space, params: EvaluateEmbeddingParams) -> pa.Table:
    """Return the table `map`: a t-SNE plot of frequent words (van der Maaten and Hinton 2008).

    The table is empty for sparse vectors, because these are all equally far from each other.
    """
    first = params.map_skip_words
    rows = np.arange(first, min(first + params.map_words, len(space.words)))
    if not isinstance(space.units, np.ndarray) or len(rows) < 4:
        return MAP.schema.empty_table()
    from sklearn.manifold import TSNE

    plane = TSNE(
        perplexity=min(params.perplexity, (len(rows) - 1) / 3),
        metric="cosine",
        init="random",
        random_state=params.seed,
    ).fit_transform(space.units[rows])
    words = [space.words[row] for row in rows]
    x, y = plane.astype(np.float64).T
    return pa.table([words, x, y], schema=MAP.schema)


def fit(model: Model) -> tuple[pa.Table, dict[str, float] | None]:
    """Return the table `glove_fit`, and the correlation of dot products and log counts.

    GloVe fits the dot products to the log counts (Pennington et al. 2014, equation 7). For other
    models the table is empty and the correlation is None.
    """
    if "sample_count" not in model.tensors:
        return GLOVE_FIT.schema.empty_table(), None
    t = model.tensors
    row, column = t["sample_row"], t["sample_column"]
    dots = np.einsum("ij,ij->i", t["output"][row], t["context"][column]).astype(np.float64)
    dots += t["bias"][row] + t["context_bias"][column]
    logs = np.log(t["sample_count"].astype(np.float64))
    frequent = t["sample_count"] >= np.quantile(t["sample_count"], 0.9)
    overall, tenth = (
        correlation(dots[None, rows], logs[None, rows]).item() for rows in (slice(None), frequent)
    )
    facts = {
        "counts": len(dots),
        "correlation": None if np.isnan(overall) else overall,
        "correlation_of_frequent_tenth": None if np.isnan(tenth) else tenth,
    }
    shown = np.unique(np.linspace(0, len(dots) - 1, POINTS_SHOWN).astype(int))
    columns = [
        [model.words[i] for i in row[shown]],
        [model.words[i] for i in column[shown]],
        logs[shown],
        dots[shown],
    ]
    return pa.table(columns, schema=GLOVE_FIT.schema), facts


def baselines(
    vocabulary: Vocabulary, questions: list[ClozeQuestion], space: Space, label_words: pd.DataFrame
) -> dict[str, float]:
    """Return the baseline score of each kind of test.

    The baseline guesses at random, and for cloze questions it guesses the most frequent words.
    """
    rank = {word: n for n, word in enumerate(vocabulary.words)}
    answers = np.array([rank[q.sentence[q.gap]] for q in questions])
    sizes = label_words.groupby("label").size()
    return {
        "similarity": 0.0,
        "analogies": 1 / max(len(space.words) - 3, 1),
        "outliers": float((1 / (sizes + 1)).mean()) if len(sizes) else 0.0,
        **{cloze_test(k): float((answers < k).mean()) for k in TOP_K if len(answers)},
    }


def summaries(
    scored: dict[str, tuple[pd.DataFrame, int]], params: EvaluateEmbeddingParams
) -> dict[str, dict[str, Any]]:
    """Return the score of each test with its interval and the number of items it covers."""
    return {
        name: {
            **score(items, params.bootstrap_samples, params.seed)._asdict(),
            "covered": len(items),
            "items": total,
        }
        for name, (items, total) in scored.items()
    }


def sections(item_scores: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the accuracy on each section of each analogy set."""
    accuracy: dict[str, dict[str, Any]] = {}
    for (test, part), rows in item_scores.groupby(["test", "part"], sort=False):
        accuracy.setdefault(test, {})[part] = {
            "score": rows["prediction"].mean(),
            "covered": len(rows),
        }
    return accuracy


def check(*, evaluation: Path) -> None:
    """Check people's own evaluation sets."""
    similarity_sets(evaluation, set())
    analogy_sets(evaluation, set())


@command
def main(
    *,
    params: EvaluateEmbeddingParams,
    vectors: Input,
    model: Input,
    tokens: Input,
    vocabulary: Input,
    label_words: Input,
    evaluation: Input,
    neighbours: Table[NEIGHBOURS],
    vector_arithmetic: Table[VECTOR_ARITHMETIC],
    cloze: Table[CLOZE],
    context_words: Table[CONTEXT_WORDS],
    map: Table[MAP],
    glove_fit: Table[GLOVE_FIT],
    item_scores: Table[ITEM_SCORES],
    metrics: Output,
) -> None:
    """Evaluate word vectors: similarity, analogies, cloze questions, outliers, neighbours, fit.

    Args:
        evaluation: folder of the user's own evaluation sets
    """
    corpus = read_vocabulary(vocabulary)
    trained = read_model(vectors, model)
    space = space_of(trained)
    predictor = Predictor(trained, space)
    labelled = pd.read_parquet(label_words)
    known = set(corpus.words)
    questions = draw_cloze(tokens, corpus.words, "test", params.cloze_questions, params.seed)
    shares = corpus.counts / corpus.counts.sum()
    common = {w for w, s in zip(corpus.words, shares, strict=True) if s > COMMON_SHARE}

    similarity = {
        name: (score_similarity(name, pairs, space), len(pairs))
        for name, pairs in similarity_sets(evaluation, known).items()
    }
    analogies = {
        name: (score_analogies(name, items, space), len(items))
        for name, items in analogy_sets(evaluation, known).items()
    }
    guesses = score_cloze(questions, params.cloze_window, predictor, space)
    cloze_tests = {
        name: (rows, len(questions)) for name, rows in guesses.groupby("test", sort=False)
    }
    outliers = score_outliers(labelled, space)
    scored = {**similarity, **analogies, **cloze_tests, "outliers": (outliers, len(outliers))}
    scores = pd.concat([rows for rows, _ in scored.values()], ignore_index=True)
    points, correlation = fit(trained)

    n = params.neighbours
    neighbours.write(nearest_neighbours(params.words, n, space, trained))
    vector_arithmetic.write(nearest_to_sums(params.arithmetic, n, space))
    cloze.write(
        cloze_examples(
            questions,
            params.shown_cloze_questions,
            params.cloze_window,
            GUESSES_SHOWN,
            predictor,
            space,
            common,
        )
    )
    context_words.write(likely_context(params.words, n, predictor, space, common))
    map.write(word_map(space, params))
    glove_fit.write(points)
    item_scores.write(pa.Table.from_pandas(scores, item_scores.schema, preserve_index=False))
    is_dense = isinstance(trained.vectors, np.ndarray)
    stored = trained.vectors.size if is_dense else trained.vectors.nnz
    metrics.write_json(
        EvaluateEmbeddingMetrics(
            **trained.facts,
            words=len(trained.words),
            numbers_per_word=stored / len(trained.words),
            bytes={
                "vectors": vectors.stat().st_size,
                "model": model.stat().st_size,
                "as_dense": 4 * trained.vectors.shape[0] * trained.vectors.shape[1],
            },
            scores=summaries(scored, params),
            sections=sections(pd.concat([rows for rows, _ in analogies.values()])),
            baselines=baselines(corpus, questions, space, labelled),
            fit=correlation,
            words_without_vector=[word for word in params.words if word not in known],
        )
    )
