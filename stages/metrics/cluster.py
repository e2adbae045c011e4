"""The metrics of `cluster`."""

from stages.core.metrics import Metrics


class ClusterMetrics(Metrics):
    """How well clusters are separated and how well they agree with the labels.

    Attributes:
        clusters: number of clusters.
        points: number of points.
        inertia: sum of the squared distances to the nearest centre.
        silhouette: mean silhouette, -1 to 1.
        labelled_points: number of points with a label.
        adjusted_rand: adjusted Rand index with the labels, or None for fewer than two labels.
        normalized_mutual_info: normalized mutual information with the labels, or None.
    """

    clusters: int
    points: int
    inertia: float
    silhouette: float
    labelled_points: int
    adjusted_rand: float | None
    normalized_mutual_info: float | None
