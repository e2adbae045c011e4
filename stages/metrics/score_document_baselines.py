"""The metrics of `score_document_baselines`."""

from stages.core.metrics import AccuracyMetrics, Metrics


class TfIdfMetrics(AccuracyMetrics):
    """Scores of logistic regression on TF-IDF.

    Attributes:
        c: inverse strength of the regularization, selected on the validation split.
    """

    c: float


class ScoreDocumentBaselinesMetrics(Metrics):
    """Scores of the baselines of document classification.

    Attributes:
        majority: scores of the most frequent label, or None if nothing can be scored.
        tf_idf: scores of logistic regression on TF-IDF, or None if nothing can be scored.
        unscored: reason why nothing can be scored; only in this case.
    """

    majority: AccuracyMetrics | None
    tf_idf: TfIdfMetrics | None
    unscored: str | None = None
