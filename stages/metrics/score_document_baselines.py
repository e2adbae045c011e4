"""The metrics of `score_document_baselines`."""

from stages.core.metrics import AccuracyMetrics, Metrics


class TfIdfMetrics(AccuracyMetrics):
    """Scores of logistic regression on TF-IDF.

    Attributes:
        c: strength of the regression that the validation split chose.
    """

    c: float


class ScoreDocumentBaselinesMetrics(Metrics):
    """Scores of the models that a classifier of documents has to beat.

    Attributes:
        majority: scores of the most frequent label, or None where nothing can be scored.
        tf_idf: scores of logistic regression on TF-IDF, or None where nothing can be scored.
        unscored: reason why nothing can be scored; only then.
    """

    majority: AccuracyMetrics | None
    tf_idf: TfIdfMetrics | None
    unscored: str | None = None
