"""The metrics of `train_learner`."""

from stages.core.metrics import AccuracyMetrics, Metrics


class CostMetrics(Metrics):
    """What a classifier costs, as counts.

    Attributes:
        iterations: iterations of the training: passes over the documents, steps of the solver of a
            kernel machine, or levels of trees. Different kinds are not comparable.
        numbers: numbers that the trained classifier stores.
        operations: multiply-adds or comparisons to classify one document.
    """

    iterations: int
    numbers: int
    operations: int


class LearnerMetrics(AccuracyMetrics):
    """Scores of a classifier on the test split.

    Attributes:
        chosen: values of the parameters that the validation split chose.
        validation_accuracy: its accuracy on the validation split.
        converged: whether it converged with these values.
        fitted_documents: number of training documents that it is fitted on.
        cost: what it costs.
    """

    chosen: dict[str, int | float]
    validation_accuracy: float
    converged: bool
    fitted_documents: int
    cost: CostMetrics


class TrainLearnerMetrics(Metrics):
    """A classifier of documents.

    Attributes:
        kind: the kind of classifier.
        documents: number of labelled documents by split.
        labels: number of labels in the training split.
        unseen: number of test documents whose label no training document has.
        majority: the most frequent label of the training split, or None without labels.
        learner: its scores, or None if nothing can be scored.
        unscored: reason why nothing can be scored; only in this case.
    """

    kind: str
    documents: dict[str, int]
    labels: int
    unseen: int
    majority: str | None
    learner: LearnerMetrics | None
    unscored: str | None = None
