"""The metrics of `classify_documents`."""

from pydantic import ConfigDict, RootModel

from stages.core.metrics import AccuracyMetrics, Metrics, TrainingMetrics


class Classified(AccuracyMetrics, TrainingMetrics):
    """Scores of a trained classifier of documents.

    Attributes:
        documents: number of labelled documents by split.
        labels: number of labels of the training split.
        test_documents_of_unseen_label: number of test documents whose label has no training
            document.
    """

    documents: dict[str, int]
    labels: int
    test_documents_of_unseen_label: int


class Unclassified(Metrics):
    """What is known where no classifier can be trained.

    Attributes:
        accuracy: None.
        unscored: reason why nothing can be trained.
        documents: number of labelled documents by split.
    """

    accuracy: None
    unscored: str
    documents: dict[str, int]


class ClassifyDocumentsMetrics(RootModel[Classified | Unclassified]):
    """The scores of a classifier of documents, or the reason why there is none."""

    model_config = ConfigDict(frozen=True)
