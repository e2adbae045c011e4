"""The page of the embedding room."""

import pandas as pd

from stages.report.content import Page, Section, Table, not_run, number
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
    scored = {
        name: metrics["similarity"][sets[0]]["spearman"]
        for name, metrics in models.items()
        if metrics["similarity"][sets[0]]["spearman"] is not None
    }
    if scored:
        best = max(scored, key=scored.get)
        summary = (
            f"{best} agrees best with people on {sets[0]}: its similarities correlate with "
            f"theirs at {number(scored[best])} (Spearman)."
        )
    else:
        summary = f"No model knows enough words of {sets[0]} to be compared with people."
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
                [_neighbours(inputs, list(models))],
            ),
        ],
    )


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
