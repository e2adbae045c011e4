"""The metrics of `draw_regions`."""

from stages.core.metrics import Metrics


class DrawRegionsMetrics(Metrics):
    """The decision regions of classifiers on the plane.

    Attributes:
        labels: the drawn labels, the most frequent first.
        explained_variance: share of the variance of their training documents on the plane.
        accuracy: accuracy of each classifier on the test documents with these labels.
        majority: accuracy of the most frequent of these labels there, or None.
        unscored: reason why nothing is drawn; only in this case.
    """

    labels: list[str]
    explained_variance: float | None
    accuracy: dict[str, float]
    majority: float | None
    unscored: str | None = None
