"""The metrics of `solve_adding_problem`."""

from stages.core.metrics import Metrics, TrainingMetrics


class GapMetrics(TrainingMetrics):
    """How well a recurrent model solves the adding problem over one gap.

    Attributes:
        mean_squared_error: error on held-out sequences.
        solved: whether the error is below `solved_below`.
        updates: number of updates of the weights.
    """

    mean_squared_error: float
    solved: bool
    updates: int


class SolveAddingProblemMetrics(Metrics):
    """How well a cell solves the adding problem.

    Attributes:
        always_one: mean squared error of always answering 1.
        gaps: scores by gap, steps in decimal digits.
    """

    always_one: float
    gaps: dict[str, GapMetrics]
