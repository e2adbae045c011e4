"""What the page says of classifiers: accuracies and mistakes."""

import pandas as pd

from stages.core.metrics import AccuracyMetrics
from stages.report.page.charts import matrix
from stages.report.page.content import Block, Chart, Table, number, percent

# Of more labels, the page lists the most frequent mistakes instead.
LABELS_IN_A_MATRIX = 20
MISTAKES_SHOWN = 10


def most_accurate(models: dict[str, AccuracyMetrics]) -> str:
    """Return the name of the model with the highest accuracy."""
    return max(models, key=lambda name: models[name].accuracy)


def with_interval(scores: AccuracyMetrics) -> str:
    """Return an accuracy and its interval in words."""
    low, high = map(percent, scores.accuracy_interval)
    return f"{percent(scores.accuracy)} (95% interval: {low} to {high})"


def accuracies(models: dict[str, AccuracyMetrics]) -> Table:
    """Return the scores of all models as a table."""
    rows = [
        [
            name,
            percent(own.accuracy),
            " to ".join(map(percent, own.accuracy_interval)),
            number(own.macro_f1),
        ]
        for name, own in models.items()
    ]
    return Table(
        "Share of right predictions on the test split, its 95% interval (Wilson), and the mean F1 "
        "of all labels, in which rare ones count as much as frequent ones.",
        ["model", "accuracy", "95% interval", "macro F1"],
        rows,
    )


def confusion(counts: pd.DataFrame, cell: str) -> list[Block]:
    """Return a matrix of few labels, or a table of the most frequent mistakes with many.

    Args:
        counts: table `confusion` of the cell.
        cell: name of the cell.
    """
    if counts.empty:
        return []
    wrong = counts[counts["truth"] != counts["prediction"]]
    if len({*counts["truth"], *counts["prediction"]}) <= LABELS_IN_A_MATRIX:
        caption = f"What {cell} predicts for each label of the test split, darker where more often"
        if len(wrong):
            most = wrong.loc[wrong["count"].idxmax()]
            caption += (
                f"; its most frequent mistake is {most['prediction']} for {most['truth']}, "
                f"{number(int(most['count']))} times"
            )
        return [Chart(f"{caption}.", matrix(counts, f"Confusion matrix of {cell}."))]
    if wrong.empty:
        return []
    most = wrong.sort_values("count", ascending=False, kind="stable").head(MISTAKES_SHOWN)
    return [
        Table(
            f"The most frequent mistakes of {cell} on the test split.",
            ["label", "prediction", "times"],
            [
                [truth, prediction, number(times)]
                for truth, prediction, times in most.itertuples(index=False)
            ],
        )
    ]
