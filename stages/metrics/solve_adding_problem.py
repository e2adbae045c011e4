"""The metrics of `solve_adding_problem`."""

from stages.core.metrics import Metrics, TrainingMetrics


class GapMetrics(TrainingMetrics):
    """How well a recurrent model solves the adding problem over one gap.

    Attributes:
        mean_squared_error: mean squared error on held-out sequences.
        solved: whether the error is below the parameter `solved_below`.
        updates: number of weight updates.
    """

    mean_squared_error: float
    solved: bool
    updates: int


class SolveAddingProblemMetrics(Metrics):
    """How well a cell solves the adding problem.

    Attributes:
        always_one: mean squared error of the constant prediction 1.
        gaps: scores by length of the gap in steps.
    """

    always_one: float
    gaps: dict[str, GapMetrics]
