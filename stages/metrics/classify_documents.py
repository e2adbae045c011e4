"""The metrics of `classify_documents`."""

from stages.core.metrics import AccuracyMetrics, Metrics, TrainingMetrics


class DocumentClassifierMetrics(AccuracyMetrics, TrainingMetrics):
    """Scores and training of one classifier."""


class ClassifyDocumentsMetrics(Metrics):
    """Scores of the document classifiers with one kind of recurrent cell.

    Attributes:
        documents: number of labelled documents by split.
        with_log_count_ratios: scores of the classifier of word vectors and log-count ratios, or
            None if it was not trained.
        without_log_count_ratios: scores of the classifier of word vectors alone, or None if it was
            not trained.
        labels: number of labels in the training split; only if a classifier was trained.
        test_documents_of_unseen_label: number of test documents whose label has no training
            document; only if a classifier was trained.
        unscored: reason why no classifier can be trained; only in this case.
    """

    documents: dict[str, int]
    with_log_count_ratios: DocumentClassifierMetrics | None
    without_log_count_ratios: DocumentClassifierMetrics | None
    labels: int | None = None
    test_documents_of_unseen_label: int | None = None
    unscored: str | None = None

    @property
    def first(self) -> DocumentClassifierMetrics | None:
        """The classifier that the tables and curves of the stage describe."""
        return self.with_log_count_ratios or self.without_log_count_ratios
