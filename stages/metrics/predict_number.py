"""The metrics of `predict_number`."""

from stages.core.metrics import Metrics


class NumberScores(Metrics):
    """How well linear regression predicts a number on the test split.

    Attributes:
        r2: coefficient of determination: 1 for perfect predictions, 0 for predicting the mean.
        r2_interval: its 95 % interval (bootstrap over documents).
        mean_absolute_error: mean absolute error.
        mean_absolute_error_of_mean: that of predicting the mean of the training split.
    """

    r2: float
    r2_interval: tuple[float, float]
    mean_absolute_error: float
    mean_absolute_error_of_mean: float


class PredictNumberMetrics(Metrics):
    """Linear regression of a number of each document on its vector.

    Attributes:
        target: what is predicted, `label` or `tokens`.
        documents: number of documents by split.
        dimensions: number of dimensions of the vectors.
        scores: the scores, or None if nothing can be scored.
        unscored: reason why nothing can be scored; only in this case.
    """

    target: str
    documents: dict[str, int]
    dimensions: int
    scores: NumberScores | None
    unscored: str | None = None
