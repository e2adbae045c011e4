"""The page of the embedding room."""

import pandas as pd

from stages.report.content import Page, Section, Table, Text, not_run, number
from stages.report.inputs import Inputs

TITLE = "Word vectors"


def build(inputs: Inputs) -> Page:
    """Return the page."""
    models = inputs.metrics_of("evaluate_embedding")
    if not models:
        return not_run("embedding", TITLE)
    sets = list(next(iter(models.values()))["similarity"])
    rows = []
    for name, metrics in models.items():
        row = [name, number(metrics["tokens"]), number(metrics["dimensions"])]
        for similarity in metrics["similarity"].values():
            row += [
                number(similarity["spearman"]),
                f"{similarity['covered']}/{similarity['pairs']}",
            ]
        rows.append(row)
    scores = {
        name: [similarity["spearman"] for similarity in metrics["similarity"].values()]
        for name, metrics in models.items()
    }
    scored = {name: own for name, own in scores.items() if None not in own}
    if scored:
        best = max(scored, key=lambda name: sum(scored[name]))
        agreement = " and ".join(
            f"{number(value)} on {name}" for name, value in zip(sets, scored[best], strict=True)
        )
        summary = (
            f"{best} agrees best with people: its similarities correlate with theirs at "
            f"{agreement} (Spearman)."
        )
    else:
        summary = f"No model knows enough words of {' and '.join(sets)} to be judged."
    header = ["model", "words", "dimensions"]
    for name in sets:
        header += [name, "pairs known"]
    return Page(
        "embedding",
        TITLE,
        summary,
        [
            Section(
                "Comparison",
                [f"evaluate_embedding@{name}" for name in models],
                [
                    Table(
                        "Spearman's correlation of cosine similarity with the scores people gave, "
                        "over the pairs whose words the corpus has; 1 is agreement, 0 is chance.",
                        header,
                        rows,
                    )
                ],
            ),
            Section(
                "Nearest neighbours",
                [f"evaluate_embedding@{name}" for name in models],
                [_neighbours(inputs, list(models)), *_unknown(models)],
            ),
        ],
    )


def _unknown(models: dict) -> list[Text]:
    words = sorted({word for m in models.values() for word in m["words_without_vector"]})
    return [Text(f"Not in the vocabulary: {', '.join(words)}.")] if words else []


def _neighbours(inputs: Inputs, models: list[str]) -> Table:
    joined: dict[str, dict[str, str]] = {}
    for name in models:
        table = inputs.table("embedding", f"{name}/neighbours")
        if table is None:
            continue
        ordered: pd.DataFrame = table.sort_values(["token", "rank"], kind="stable")
        for word, own in ordered.groupby("token", sort=False):
            joined.setdefault(word, {})[name] = ", ".join(own["neighbour"])
    rows = [[word, *(found.get(name, "–") for name in models)] for word, found in joined.items()]
    return Table(
        "The words whose vectors make the smallest angle with a word's own, nearest first.",
        ["word", *models],
        rows,
    )
