"""What the page says of the adding problem."""

import math

import pandas as pd

from stages.metrics.solve_adding_problem import SolveAddingProblemMetrics
from stages.report.page.charts import curves
from stages.report.page.content import Chart, Table, number, percent
from stages.report.sequence.result import Result, Tables, stages_of

STAGE = "solve_adding_problem"
Cells = dict[str, SolveAddingProblemMetrics]


def adding_problem(cells: Cells, curves_by_cell: Tables, gradients: Tables) -> Result:
    """Return the result of the adding problem.

    Args:
        cells: metrics of each cell.
        curves_by_cell: training curve of each cell, with a column gap.
        gradients: table of that name of each cell.
    """
    solved = {
        cell: sorted(int(gap) for gap, own in metrics.gaps.items() if own.solved)
        for cell, metrics in cells.items()
    }
    gaps = sorted({int(gap) for metrics in cells.values() for gap in metrics.gaps})
    reach = {cell: max(own, default=0) for cell, own in solved.items()}
    best = None
    if any(reach.values()):
        # Of those that reach as far, the one that needed the fewest updates.
        best = min(
            (cell for cell in cells if reach[cell] == max(reach.values())),
            key=lambda cell: cells[cell].gaps[str(reach[cell])].updates,
        )
    sentence = "; ".join(
        f"{cell} " + (f"adds two numbers over gaps up to {far}" if far else "solves no gap")
        for cell, far in reach.items()
    )
    work = {}
    for cell, metrics in cells.items():
        by_gap = list(metrics.gaps.values())
        steps = sum(own.steps_seen for own in by_gap)
        work[cell] = by_gap[0].model_copy(update={"steps_seen": steps})
    return Result(
        "Adding problem",
        stages_of(STAGE, cells),
        "gaps solved:",
        best,
        f"{sentence}{_vanishing(gradients, gaps[-1])}.",
        {cell: ", ".join(map(str, own)) or "none" for cell, own in solved.items()},
        work,
        [
            _errors(cells, gaps),
            *(_gradients(gradients, gaps[-1], training) for training in ("before", "after")),
            _clipping(curves_by_cell, gaps[-1]),
        ],
    )


def _errors(cells: Cells, gaps: list[int]) -> Table:
    rows = []
    for cell, metrics in cells.items():
        row = [cell]
        for gap in gaps:
            own = metrics.gaps[str(gap)]
            row += [number(own.mean_squared_error, 4), number(own.updates)]
        rows.append(row)
    always_one = next(iter(cells.values())).always_one
    header = ["cell"]
    for gap in gaps:
        header += [f"gap {gap}", "updates"]
    return Table(
        "Mean squared error of the sum of two numbers that are marked in a sequence of so many "
        f"steps, and the updates it took; always answering 1 has {number(always_one)}.",
        header,
        rows,
    )


def _vanishing(gradients: Tables, gap: int) -> str:
    falls = []
    for cell, table in gradients.items():
        own = table[(table["gap"] == gap) & (table["training"] == "before")]
        norms = own.set_index("steps_back")["gradient_norm"]
        if norms[gap - 1] > 0:
            falls.append(f"{cell} by 10^{math.log10(norms[gap - 1] / norms[0]):.0f}")
        else:
            falls.append(f"{cell} to nothing")
    return f". Over {gap} steps back the gradient of an untrained cell falls: {', '.join(falls)}"


def _gradients(gradients: Tables, gap: int, training: str) -> Chart:
    rows = pd.concat(
        [
            table[
                (table["gap"] == gap)
                & (table["training"] == training)
                # A logarithmic scale has no place for gradients that underflow to 0.
                & (table["gradient_norm"] > 0)
            ].assign(series=cell)
            for cell, table in gradients.items()
        ],
        ignore_index=True,
    ).rename(columns={"steps_back": "steps back", "gradient_norm": "gradient norm"})
    return Chart(
        f"How strongly the error at the end of {gap} steps depends on the state so many steps "
        f"before, {training} training: a line that falls is a gradient that vanishes.",
        curves(
            rows[["steps back", "gradient norm", "series"]],
            "steps back",
            "gradient norm",
            f"Norm of the gradient of each cell over steps back, {training} training.",
            logarithmic=True,
        ),
    )


def _clipping(curves_by_cell: Tables, gap: int) -> Chart:
    parts, shares = [], []
    for cell, curve in curves_by_cell.items():
        own = curve[curve["gap"] == gap]
        parts.append(
            pd.DataFrame(
                {"epoch": own["epoch"], "gradient norm": own["gradient_norm"], "series": cell}
            )
        )
        shares.append(f"{cell} {percent(own['clipped_share'].mean())}")
    return Chart(
        f"Mean norm of the gradient of all weights before it is clipped, gap {gap}. Share of "
        f"updates that were clipped: {', '.join(shares)}.",
        curves(
            pd.concat(parts, ignore_index=True),
            "epoch",
            "gradient norm",
            "Norm of the weights' gradient of each cell over epochs.",
            logarithmic=True,
        ),
    )
