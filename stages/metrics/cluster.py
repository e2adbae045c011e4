"""The metrics of `cluster`."""

from stages.core.metrics import Metrics


class ClusterMetrics(Metrics):
    """How far clusters are apart and how far they agree with the labels.

    Attributes:
        clusters: number of clusters.
        points: number of points.
        inertia: sum of squared distances to the centres.
        silhouette: mean silhouette, -1 to 1.
        labelled_points: number of points with a label.
        adjusted_rand: adjusted Rand index against the labels, or None without two labels.
        normalized_mutual_info: normalized mutual information with the labels, or None.
    """

    clusters: int
    points: int
    inertia: float
    silhouette: float
    labelled_points: int
    adjusted_rand: float | None
    normalized_mutual_info: float | None
