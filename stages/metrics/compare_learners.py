"""The metrics of `compare_learners`."""

from stages.core.metrics import AccuracyMetrics, Metrics


class CompareLearnersMetrics(Metrics):
    """Which classifier of documents is the best.

    Attributes:
        best: the classifier that is the most accurate on the validation split, or None.
        no_worse: others that the test split cannot tell apart from it.
        not_above_majority: classifiers whose accuracy is not above that of the most frequent label.
        majority: scores of the most frequent training label, or None.
        unscored: reason why nothing is compared; only in this case.
    """

    best: str | None
    no_worse: list[str]
    not_above_majority: list[str]
    majority: AccuracyMetrics | None
    unscored: str | None = None
