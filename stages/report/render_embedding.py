"""Render the page of the embedding room."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output
from stages.metrics.compare_embeddings import CompareEmbeddingsMetrics, Verdict
from stages.metrics.evaluate_embedding import EvaluateEmbeddingMetrics
from stages.report.page.charts import curves, fitted_line, spectrum, word_map
from stages.report.page.content import (
    Block,
    Chart,
    Page,
    Section,
    Table,
    Text,
    number,
    percent,
)
from stages.report.page.html import write_page
from stages.report.page.inputs import (
    Variants,
    read_all_metrics,
    read_csv,
    read_table,
    read_tables,
)

GUESSES_SHOWN = 3
# Words of the map that are shown without being pointed at.
NAMED_WORDS = 70
Metrics = dict[str, EvaluateEmbeddingMetrics]
Verdicts = dict[str, Verdict]
Tables = dict[str, pd.DataFrame]


class Evaluations(NamedTuple):
    """The tables of `evaluate_embedding`, each by model."""

    neighbours: Tables
    vector_arithmetic: Tables
    cloze: Tables
    context_words: Tables
    map: Tables
    glove_fit: Tables

    @classmethod
    def read(cls, folder: Path, models: Variants) -> "Evaluations":
        """Read the tables: FOLDER/MODEL/TABLE.parquet."""
        return cls(*(read_tables(folder, models, name) for name in cls._fields))


def embedding_page(
    models: Metrics,
    tables: Evaluations,
    verdicts: Verdicts,
    comparison: pd.DataFrame,
    costs: dict[str, dict[str, Any]],
) -> Page:
    """Return the page.

    Args:
        models: metrics of `evaluate_embedding` by model.
        tables: tables of `evaluate_embedding`.
        verdicts: metrics of `compare_embeddings` by test.
        comparison: table of that name.
        costs: measured seconds, words_per_second, peak_mib and corpus by model.
    """
    evaluated = ["evaluate_embedding"]
    sections = [
        Section("Comparison", ["compare_embeddings"], _comparison(comparison, verdicts, models)),
        Section("Analogies", evaluated, _analogies(models)),
        Section("Cloze", evaluated, _cloze(tables.cloze)),
        Section("Nearest neighbours", evaluated, _neighbours(tables.neighbours, models)),
        Section("Context words", evaluated, _context_words(tables.context_words)),
        Section("Vector arithmetic", evaluated, _arithmetic(tables.vector_arithmetic)),
        Section("Map", evaluated, _map(tables.map)),
        Section("What the models learned from", evaluated, _learned(tables.glove_fit, models)),
        Section("Size and cost", ["train_embedding"], _costs(models, costs)),
    ]
    shown = [section for section in sections if section.blocks]
    return Page("embedding", _summary(verdicts, comparison), shown)


@command
def main(
    *,
    train_embedding: Variants,
    evaluate_embedding: Input,
    evaluate_embedding_metrics: Input,
    comparison: Input,
    compare_embeddings_metrics: Input,
    costs: Input,
    page: Output,
    headline: Output,
) -> None:
    """Render the page of the embedding room.

    Args:
        train_embedding: section whose keys are the models
        costs: table of what benchmarks.embedding has measured
    """
    content = embedding_page(
        read_all_metrics(evaluate_embedding_metrics, train_embedding, EvaluateEmbeddingMetrics),
        Evaluations.read(evaluate_embedding, train_embedding),
        read_metrics(compare_embeddings_metrics, CompareEmbeddingsMetrics).root,
        read_table(comparison),
        read_csv(costs).set_index("model").to_dict("index"),
    )
    write_page(content, page, headline)


def _summary(verdicts: Verdicts, comparison: pd.DataFrame) -> str:
    best: dict[str, list[str]] = {}
    for test in comparison["test"].unique():
        if winner := verdicts[test].best:
            best.setdefault(winner, []).append(test)
    if not best:
        return "No test has enough words that all models know."
    ordered = sorted(best.items(), key=lambda item: -len(item[1]))
    return "; ".join(f"{model} is ahead in {' and '.join(tests)}" for model, tests in ordered) + "."


def _comparison(comparison: pd.DataFrame, verdicts: Verdicts, models: Metrics) -> list[Block]:
    tests = [test for test in comparison["test"].unique() if verdicts[test].best]
    baselines = next(iter(models.values())).baselines
    scores = comparison.set_index(["test", "model"])
    rows = [
        [
            test,
            number(verdicts[test].items),
            *(_with_interval(scores.loc[(test, model)]) for model in models),
            number(_baseline(baselines, test)),
        ]
        for test in tests
    ]
    blocks: list[Block] = [
        Table(
            "Scores on the items that every model covers, with 95 % bootstrap intervals. For pairs "
            "of words: Spearman's correlation with people's scores. Otherwise: the share of right "
            "answers, such as a word removed from a sentence that is among 5 guesses (blank in 5), "
            "or the one word of another label found among those of a label (outliers).",
            ["test", "items", *models, "no knowledge"],
            rows,
        ),
        Table(
            "Which model is best at what, and which cannot be told from it: the interval of the "
            "difference of their scores contains 0.",
            ["test", "best", "score", "perhaps as good"],
            [
                [
                    test,
                    verdicts[test].best,
                    number(verdicts[test].score),
                    ", ".join(verdicts[test].no_worse) or "–",
                ]
                for test in tests
            ],
        ),
    ]
    unanswered = [test for test, verdict in verdicts.items() if not verdict.best]
    if unanswered:
        blocks.append(
            Text(f"No score, because all models share too few words: {', '.join(unanswered)}.")
        )
    return blocks


def _with_interval(row: pd.Series) -> str:
    if pd.isna(row["score"]):
        return "– (all alike)"
    # The word joiner keeps the interval on one line of a narrow cell.
    return f"{row['score']:.2f} ({row['low']:.2f}–\u2060{row['high']:.2f})"


def _baseline(baselines: dict[str, float], test: str) -> float:
    """Return the score of guessing at random; that of similarity for people's own sets."""
    return baselines.get(test, baselines["similarity"])


def _analogies(models: Metrics) -> list[Block]:
    blocks: list[Block] = []
    for test in next(iter(models.values())).sections:
        by_model = [own.sections.get(test, {}) for own in models.values()]
        rows = []
        for part in sorted(set().union(*by_model)):
            scores = [sections.get(part) for sections in by_model]
            asked = max(score.covered for score in scores if score)
            cells = [percent(score.score) if score else "–" for score in scores]
            rows.append([part, number(asked), *cells])
        blocks.append(
            Table(
                f"Right answers in each section of {test}, to the questions whose words the corpus "
                "has; the answer is the word nearest to b − a + c.",
                ["section", "asked", *models],
                rows,
            )
        )
    return blocks


def _side_by_side(tables: Tables, keys: list[str], value: str, most: int) -> list[list[str]]:
    """Return a row for each key of a table, with a cell for each model: its values by rank."""
    joined: dict[tuple, dict[str, str]] = {}
    for name, rows in tables.items():
        ordered = rows[rows["rank"] <= most].sort_values("rank", kind="stable")
        for key, own in ordered.groupby(keys, sort=False):
            joined.setdefault(key, {})[name] = ", ".join(own[value])
    return [[*key, *(found.get(name, "–") for name in tables)] for key, found in joined.items()]


def _cloze(tables: Tables) -> list[Block]:
    rows = _side_by_side(tables, ["sentence", "answer"], "guess", GUESSES_SHOWN)
    if not rows:
        return []
    caption = (
        "A word removed from sentences of the test split, and each model's first guesses from the "
        "words around it."
    )
    return [Table(caption, ["sentence", "word", *tables], rows)]


def _neighbours(tables: Tables, models: Metrics) -> list[Block]:
    rows = _side_by_side(tables, ["token"], "neighbour", 100)
    blocks: list[Block] = [
        Table(
            "The words whose vectors make the smallest angle with a word's own, nearest first.",
            ["word", *tables],
            rows,
        )
    ]
    unseen = sorted({word for own in models.values() for word in own.words_without_vector})
    if unseen:
        blocks.append(
            Text(
                f"Not in the vocabulary: {', '.join(unseen)}. Only a model of subwords can build a "
                "vector from their letters."
            )
        )
    return blocks


def _context_words(tables: Tables) -> list[Block]:
    rows = _side_by_side(tables, ["token"], "neighbour", 100)
    if not rows:
        return []
    caption = (
        "The words that each model expects near a word, most probable first. Words that make up "
        "more than a thousandth of the text are left out."
    )
    return [Table(caption, ["word", *tables], rows)]


def _arithmetic(tables: Tables) -> list[Block]:
    rows = _side_by_side(tables, ["expression"], "token", GUESSES_SHOWN)
    caption = "The words nearest to sums and differences of vectors of length 1, nearest first."
    return [Table(caption, ["expression", *tables], rows)] if rows else []


def _map(tables: Tables) -> list[Block]:
    parts = []
    for name, points in tables.items():
        if len(points):
            label = [word if n < NAMED_WORDS else "" for n, word in enumerate(points["token"])]
            spread = points[["x", "y"]] - points[["x", "y"]].mean()
            spread /= spread.abs().max().replace(0, 1)
            parts.append(points.assign(model=name, label=label, **spread.round(4)))
    if not parts:
        return []
    points = pd.concat(parts, ignore_index=True)
    shown = list(dict.fromkeys(points["model"]))
    return [
        Chart(
            f"{len(parts[0])} frequent words by t-SNE, which keeps neighbours together; choose a "
            "model, and point at a dot for its word.",
            word_map(points, shown, "Map of frequent words for each model."),
        )
    ]


def _learned(fits: Tables, models: Metrics) -> list[Block]:
    return [
        *(_glove_fit(name, own, fits[name]) for name, own in models.items() if own.fit),
        *_cost(models),
        *(_spectrum(name, own) for name, own in models.items() if own.singular_values),
    ]


def _glove_fit(name: str, own: EvaluateEmbeddingMetrics, points: pd.DataFrame) -> Chart:
    return Chart(
        f"{name}: dot products, with biases, over the logarithms of co-occurrence counts, of "
        f"{number(len(points))} pairs of words; on the line both are equal. They correlate with "
        f"{number(own.fit.correlation, 2)}, over the most frequent tenth with "
        f"{number(own.fit.correlation_of_frequent_tenth, 2)}.",
        fitted_line(
            points,
            "log_count",
            "dot_product",
            ("logarithm of the count", "dot product"),
            f"Dot products of {name} over log counts.",
        ),
    )


def _cost(models: Metrics) -> list[Chart]:
    rows = [
        pd.DataFrame({"epoch": range(1, len(own.cost) + 1), "cost": own.cost, "series": name})
        for name, own in models.items()
        if own.cost
    ]
    if not rows:
        return []
    return [
        Chart(
            "Mean cost per count after each pass over the counts.",
            curves(pd.concat(rows, ignore_index=True), "epoch", "cost", "Cost over epochs."),
        )
    ]


def _spectrum(name: str, own: EvaluateEmbeddingMetrics) -> Chart:
    values = own.singular_values
    rows = pd.DataFrame({"axis": range(1, len(values) + 1), "singular value": values})
    return Chart(
        f"{name}: the singular value of each axis that was kept; together the axes explain "
        f"{percent(own.explained_variance)} of the variance of the matrix.",
        spectrum(rows, f"Singular values of {name}."),
    )


def _costs(models: Metrics, measured: dict[str, dict[str, Any]]) -> list[Block]:
    rows = []
    for name, own in models.items():
        cost = measured.get(name, {})
        rows.append(
            [
                name,
                number(own.dimensions),
                number(own.numbers_per_word, 0),
                number(own.bytes.as_dense / 1e6, 1),
                number(own.bytes.vectors / 1e6, 1),
                number(own.bytes.model / 1e6, 1),
                number(cost.get("seconds"), 1),
                number(cost.get("words_per_second"), 0),
                number(cost.get("peak_mib"), 0),
            ]
        )
    about = (
        " Seconds, words and memory were measured by python -m benchmarks.embedding costs on "
        f"{next(iter(measured.values()))['corpus']}, not in this run: its files hold no times."
        if measured
        else ""
    )
    return [
        Table(
            "Sparse against dense: how many numbers a vector has and how many of them are stored, "
            "megabytes as plain numbers and on disk (vectors, and what else the model knows)."
            f"{about}",
            ["model", "numbers", "stored", "MB dense", "MB vectors", "MB rest", "seconds",
             "words/s", "peak MiB"],
            rows,
        ),
        Text(
            "With one worker, every run gives the same bytes. More workers make cbow, skipgram and "
            "fasttext faster, and their bytes then depend on the machine."
        ),
    ]  # fmt: skip
