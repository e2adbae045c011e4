"""The metrics of `embed_documents`."""

from stages.core.metrics import Metrics


class EmbedDocumentsMetrics(Metrics):
    """Numbers of points.

    Attributes:
        words: number of words.
        documents: number of documents.
        dimensions: number of dimensions of their vectors.
        sparse_dimensions: number of dimensions before sparse vectors were projected, or None for
            dense ones.
        dropped: number of dropped words and documents by reason.
    """

    words: int
    documents: int
    dimensions: int
    sparse_dimensions: int | None
    dropped: dict[str, int]
