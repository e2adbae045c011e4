"""The metrics of `embed_documents`."""

from stages.core.metrics import Metrics


class EmbedDocumentsMetrics(Metrics):
    """Numbers of points.

    Attributes:
        words: number of words.
        documents: number of documents.
        dropped: number of dropped documents by reason.
    """

    words: int
    documents: int
    dropped: dict[str, int]
