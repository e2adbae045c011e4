"""The metrics of `cluster`."""

from stages.core.metrics import Metrics


class ScoreMetrics(Metrics):
    """A score of clusters.

    Attributes:
        score: the score.
        random: mean score of random assignments to clusters of the same sizes, or None if it is
            not defined.
    """

    score: float
    random: float | None


class ClustersMetrics(Metrics):
    """Clusters of the points of one embedding.

    Attributes:
        points: number of points.
        fitted_points: number of points that the method saw; the others follow their neighbours.
        clusters: number of clusters.
        noise: number of points in no cluster.
        silhouettes: silhouette by number of clusters, where the number was chosen.
        eps: distance within which DBSCAN looks for neighbours, or None.
        converged: whether an iterative method converged, or None.
        stability: mean adjusted Rand index between runs from different seeds, or None.
        silhouette: mean silhouette, -1 to 1, or None for fewer than two clusters.
        davies_bouldin: Davies-Bouldin index, lower is better, or None.
        calinski_harabasz: Calinski-Harabasz index, higher is better, or None.
        labelled_points: number of points with a label.
        adjusted_rand: adjusted Rand index with the labels, or None for fewer than two labels.
        normalized_mutual_info: normalized mutual information with the labels, or None.
        purity: share of points with the most frequent label of their cluster, or None.
    """

    points: int
    fitted_points: int
    clusters: int
    noise: int
    silhouettes: dict[int, float | None]
    eps: float | None
    converged: bool | None
    stability: float | None
    silhouette: ScoreMetrics | None
    davies_bouldin: ScoreMetrics | None
    calinski_harabasz: ScoreMetrics | None
    labelled_points: int
    adjusted_rand: ScoreMetrics | None
    normalized_mutual_info: ScoreMetrics | None
    purity: ScoreMetrics | None


class ClusterMetrics(Metrics):
    """Clusters by one method.

    Attributes:
        kind: the method.
        points: what is clustered, `words` or `documents`.
        distance: the distance, where the method has a choice, or None.
        embeddings: the clusters of each embedding.
    """

    kind: str
    points: str
    distance: str | None
    embeddings: dict[str, ClustersMetrics]
