"""The metrics of `project`."""

from stages.core.metrics import Metrics


class ProjectMetrics(Metrics):
    """How much information the two-dimensional projections keep.

    Attributes:
        points: number of projected points.
        pca_explained_variance: share of the variance that PCA explains.
        tsne_divergence: final Kullback-Leibler divergence of t-SNE, nats.
    """

    points: int
    pca_explained_variance: float
    tsne_divergence: float
