"""The page of the embedding room."""

import pandas as pd

from stages.report.charts import curves, fitted_line, spectrum, word_map
from stages.report.content import (
    Block,
    Chart,
    Page,
    Section,
    Table,
    Text,
    not_run,
    number,
    percent,
)
from stages.report.inputs import Inputs

TITLE = "Word vectors"
GUESSES_SHOWN = 3
# Words of the map that stand there without being pointed at.
NAMED_WORDS = 70


def build(inputs: Inputs) -> Page:
    """Return the page."""
    models = inputs.metrics_of("evaluate_embedding")
    comparison = inputs.table("embedding", "comparison")
    if not models or comparison is None:
        return not_run("embedding", TITLE)
    verdicts = inputs.metric("compare_embeddings")
    names = list(models)
    evaluated = ["evaluate_embedding"]
    sections = [
        Section(
            "Comparison", ["compare_embeddings"], _comparison(comparison, verdicts, models)
        ),
        Section("Analogies", evaluated, _analogies(models)),
        Section("Blanks filled", evaluated, _blanks(inputs, names)),
        Section("Nearest neighbours", evaluated, _neighbours(inputs, models)),
        Section("Likely neighbours", evaluated, _likely(inputs, names)),
        Section("Sums of words", evaluated, _sums(inputs, names)),
        Section("Map", evaluated, _map(inputs, names)),
        Section("What the models learned from", evaluated, _fits(inputs, models)),
        Section(
            "Size and cost", ["train_embedding"], _costs(inputs, models)
        ),
    ]  # fmt: skip
    shown = [section for section in sections if section.blocks]
    return Page("embedding", TITLE, _summary(verdicts, comparison), shown)


def _summary(verdicts: dict, comparison: pd.DataFrame) -> str:
    best: dict[str, list[str]] = {}
    for test in comparison["test"].unique():
        if verdicts[test]["best"]:
            best.setdefault(verdicts[test]["best"], []).append(test)
    if not best:
        return "No test has enough words that the models know."
    ordered = sorted(best.items(), key=lambda item: -len(item[1]))
    return "; ".join(f"{model} is ahead in {' and '.join(tests)}" for model, tests in ordered) + "."


def _comparison(comparison: pd.DataFrame, verdicts: dict, models: dict) -> list[Block]:
    tests = [test for test in comparison["test"].unique() if verdicts[test]["best"]]
    baselines = next(iter(models.values()))["baselines"]
    scores = comparison.set_index(["test", "model"])
    rows = [
        [
            test,
            number(verdicts[test]["items"]),
            *(_with_interval(scores.loc[(test, model)]) for model in models),
            number(_baseline(baselines, test)),
        ]
        for test in tests
    ]
    blocks: list[Block] = [
        Table(
            "Scores on the items that every model covers, with 95 % bootstrap intervals: for pairs "
            "of words Spearman's correlation with people's scores; otherwise the share of right "
            "answers, such as a word taken out of a sentence that is among 5 guesses (blank in 5) "
            "or the one word of another label found among those of a label (outliers).",
            ["test", "items", *models, "no knowledge"],
            rows,
        ),
        Table(
            "Which model is best for what, and which cannot be told from it: the difference of "
            "their scores on equal samples of items may be 0.",
            ["test", "best", "score", "perhaps as good"],
            [
                [
                    test,
                    verdicts[test]["best"],
                    number(verdicts[test]["score"]),
                    ", ".join(verdicts[test]["no_worse"]) or "–",
                ]
                for test in tests
            ],
        ),
    ]
    unanswered = [test for test, verdict in verdicts.items() if not verdict["best"]]
    if unanswered:
        blocks.append(
            Text(f"No score, for want of words that all models know: {', '.join(unanswered)}.")
        )
    return blocks


def _with_interval(row: pd.Series) -> str:
    if pd.isna(row["score"]):
        return "– (all alike)"
    # The word joiner keeps the interval on one line of a narrow cell.
    return f"{row['score']:.2f} ({row['low']:.2f}–\u2060{row['high']:.2f})"


def _baseline(baselines: dict[str, float], test: str) -> float:
    """Return what a test gives to whoever knows nothing; of people's own sets as of their kind."""
    return baselines.get(test, baselines["similarity"])


def _analogies(models: dict) -> list[Block]:
    blocks: list[Block] = []
    first = next(iter(models.values()))["sections"]
    for test in first:
        sections = {part for own in models.values() for part in own["sections"].get(test, {})}
        rows = []
        for part in sorted(sections):
            scores = [own["sections"].get(test, {}).get(part) for own in models.values()]
            asked = max(score["covered"] for score in scores if score)
            cells = [percent(score["score"]) if score else "–" for score in scores]
            rows.append([part, number(asked), *cells])
        blocks.append(
            Table(
                f"Right answers in each section of {test}, of the questions whose words the corpus "
                "has; the answer is the word nearest to b − a + c.",
                ["section", "asked", *models],
                rows,
            )
        )
    return blocks


def _side_by_side(
    inputs: Inputs, names: list[str], table: str, keys: list[str], value: str, most: int
) -> list[list[str]]:
    """Return a row for each key of a table, and in it what each model has, first to last."""
    joined: dict[tuple, dict[str, str]] = {}
    for name in names:
        rows = inputs.table("embedding", f"{name}/{table}")
        if rows is None:
            continue
        ordered = rows[rows["rank"] <= most].sort_values("rank", kind="stable")
        for key, own in ordered.groupby(keys, sort=False):
            joined.setdefault(key, {})[name] = ", ".join(own[value])
    return [[*key, *(found.get(name, "–") for name in names)] for key, found in joined.items()]


def _blanks(inputs: Inputs, names: list[str]) -> list[Block]:
    rows = _side_by_side(inputs, names, "blanks", ["sentence", "answer"], "guess", GUESSES_SHOWN)
    if not rows:
        return []
    caption = (
        "A word taken out of sentences of the test split, and the first guesses of each model from "
        "the words around it."
    )
    return [Table(caption, ["sentence", "word", *names], rows)]


def _neighbours(inputs: Inputs, models: dict) -> list[Block]:
    rows = _side_by_side(inputs, list(models), "neighbours", ["token"], "neighbour", 100)
    blocks: list[Block] = [
        Table(
            "The words whose vectors make the smallest angle with a word's own, nearest first.",
            ["word", *models],
            rows,
        )
    ]
    unseen = sorted({word for m in models.values() for word in m["words_without_vector"]})
    if unseen:
        blocks.append(
            Text(
                f"Not in the vocabulary: {', '.join(unseen)}. Only a model of subwords makes a "
                "vector of their letters."
            )
        )
    return blocks


def _likely(inputs: Inputs, names: list[str]) -> list[Block]:
    rows = _side_by_side(inputs, names, "likely", ["token"], "neighbour", 100)
    if not rows:
        return []
    caption = (
        "The words that each model expects near a word, most probable first, but for those that "
        "are more than a thousandth of the text."
    )
    return [Table(caption, ["word", *names], rows)]


def _sums(inputs: Inputs, names: list[str]) -> list[Block]:
    rows = _side_by_side(inputs, names, "sums", ["expression"], "token", GUESSES_SHOWN)
    caption = "The words nearest to sums and differences of vectors of length 1, nearest first."
    return [Table(caption, ["sum", *names], rows)] if rows else []


def _map(inputs: Inputs, names: list[str]) -> list[Block]:
    parts = []
    for name in names:
        points = inputs.table("embedding", f"{name}/positions")
        if points is not None and len(points):
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
            f"{len(parts[0])} frequent words by t-SNE, which keeps near what is near; choose a "
            "model, and point at a dot for its word.",
            word_map(points, shown, "Map of frequent words for each model."),
        )
    ]


def _fits(inputs: Inputs, models: dict) -> list[Block]:
    blocks: list[Block] = []
    for name, own in models.items():
        points = inputs.table("embedding", f"{name}/fit")
        if own["fit"] and points is not None:
            fit = own["fit"]
            blocks.append(
                Chart(
                    f"{name}: dot products, with biases, over the logarithm of how often two words "
                    f"stand near each other, of {number(len(points))} pairs; on the line they are "
                    f"equal. They correlate with {number(fit['correlation'], 2)}, over the most "
                    f"frequent tenth with {number(fit['correlation_of_frequent_tenth'], 2)}.",
                    fitted_line(
                        points, "log_count", "dot_product",
                        ("logarithm of the count", "dot product"),
                        f"Dot products of {name} over log counts.",
                    ),
                )
            )  # fmt: skip
    costs = [
        pd.DataFrame({"epoch": range(1, len(own["cost"]) + 1), "cost": own["cost"], "series": name})
        for name, own in models.items()
        if own.get("cost")
    ]
    if costs:
        blocks.append(
            Chart(
                "Mean cost per count after each pass over the counts.",
                curves(pd.concat(costs, ignore_index=True), "epoch", "cost", "Cost over epochs."),
            )
        )
    for name, own in models.items():
        if own.get("singular_values"):
            values = own["singular_values"]
            rows = pd.DataFrame({"axis": range(1, len(values) + 1), "singular value": values})
            blocks.append(
                Chart(
                    f"{name}: the size of each axis that was kept; together they hold "
                    f"{percent(own['explained_variance'])} of the variance of the matrix.",
                    spectrum(rows, f"Singular values of {name}."),
                )
            )
    return blocks


def _costs(inputs: Inputs, models: dict) -> list[Block]:
    measured = inputs.cost("embedding")
    rows = []
    for name, own in models.items():
        size = own["bytes"]
        cost = measured.get(name, {})
        rows.append(
            [
                name,
                number(own["dimensions"]),
                number(own["numbers_per_word"], 0),
                number(size["as_dense"] / 1e6, 1),
                number(size["vectors"] / 1e6, 1),
                number(size["model"] / 1e6, 1),
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
            "With one worker all of these are the same to the byte in every run. More workers make "
            "cbow, skipgram and fasttext quicker, and their bytes depend on the machine."
        ),
    ]  # fmt: skip
