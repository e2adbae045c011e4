"""The metrics of `compare_clusters`."""

from stages.core.metrics import Metrics


class CandidateMetrics(Metrics):
    """Clusters of documents.

    Attributes:
        method: section of the method.
        embedding: name of the embedding.
    """

    method: str
    embedding: str


class CompareClustersMetrics(Metrics):
    """Which clusters of documents are the best.

    Attributes:
        candidates: number of compared clusterings, one for each method and embedding.
        documents: number of documents with a label by split, which all embeddings have.
        labels: number of labels.
        unscored: reason why clusters are not compared with labels, or None.
        best: the clusters that agree best with the labels of the validation split. If the corpus
            has no labels, the clusters with the highest silhouette. None if there are no clusters.
        silhouette: their silhouette.
        adjusted_rand: their adjusted Rand index with all labels, or None.
        validation: their adjusted Rand index on the validation split, or None.
        test: their adjusted Rand index on the test split, or None.
        test_interval: its 95 % interval (bootstrap over documents), or None.
        no_worse: others that the test split cannot tell apart from them.
    """

    candidates: int
    documents: dict[str, int]
    labels: int
    unscored: str | None
    best: CandidateMetrics | None
    silhouette: float | None
    adjusted_rand: float | None
    validation: float | None
    test: float | None
    test_interval: tuple[float, float] | None
    no_worse: list[CandidateMetrics]
