"""What the page says of the classification of images."""

from stages.metrics.read_digits import ReadDigitsMetrics
from stages.report.page.content import number, percent
from stages.report.sequence.classifiers import accuracies, confusion, most_accurate, with_interval
from stages.report.sequence.result import Result, Tables, stages_of, validation_curves

STAGE = "read_digits"


def digits(cells: dict[str, ReadDigitsMetrics], curves: Tables, confusions: Tables) -> Result:
    """Return the result of reading images row by row.

    Args:
        cells: metrics of each cell.
        curves: training curve of each cell.
        confusions: table `confusion` of each cell.
    """
    best = most_accurate(cells)
    own = cells[best]
    worst = min(cells, key=lambda cell: cells[cell].accuracy)
    sentence = (
        f"{best} recognizes {with_interval(own)} of {number(own.images['test'])} test images of "
        f"{own.rows} rows"
    )
    if cells[worst].accuracy < own.accuracy:
        sentence += f", and {worst}, the last, {percent(cells[worst].accuracy)}"
    return Result(
        "Digits",
        stages_of(STAGE, cells),
        "accuracy",
        best,
        f"{sentence}.",
        {cell: percent(own.accuracy) for cell, own in cells.items()},
        cells,
        [
            accuracies(cells),
            validation_curves(curves, "cross-entropy"),
            *confusion(confusions[best], best),
        ],
    )
