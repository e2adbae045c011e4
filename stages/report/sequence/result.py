"""What the page says of a task: shared by all tasks."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from stages.core.metrics import TrainingMetrics
from stages.report.page.charts import curves
from stages.report.page.content import Block, Chart, number

Tables = dict[str, pd.DataFrame]


class Result(NamedTuple):
    """The result of a task.

    Attributes:
        title: name of the task.
        stages: names of the stages behind it.
        measure: what the scores measure.
        best: the best cell, or None.
        sentence: the result in words.
        scores: score of each cell as it is shown.
        work: size and training of each cell.
        blocks: tables, charts and quotes.
    """

    title: str
    stages: list[str]
    measure: str
    best: str | None
    sentence: str
    scores: dict[str, str]
    work: dict[str, TrainingMetrics]
    blocks: list[Block]


def validation_curves(
    curves_by_cell: Tables,
    measure: str,
    value: Callable[[pd.Series], pd.Series] = lambda loss: loss,
) -> Chart:
    """Return a line for each cell: the validation loss after each epoch.

    Args:
        curves_by_cell: training curve of each cell: columns epoch and validation_loss.
        measure: name of what is drawn.
        value: turns the loss into what is drawn.
    """
    rows = pd.concat(
        [
            pd.DataFrame(
                {"epoch": curve["epoch"], measure: value(curve["validation_loss"]), "series": cell}
            )
            for cell, curve in curves_by_cell.items()
        ],
        ignore_index=True,
    )
    return Chart(
        f"{measure.capitalize()} on the validation split after each epoch of training, from "
        f"{number(rows[measure].max())} at most to {number(rows[measure].min())} at least.",
        curves(rows, "epoch", measure, f"{measure.capitalize()} of each cell over epochs."),
    )


def stages_of(stage: str, cells: dict) -> list[str]:
    """Return the names of a stage's variants."""
    return [f"{stage}@{cell}" for cell in cells]
