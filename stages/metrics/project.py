"""The metrics of `project`."""

from stages.core.metrics import Metrics


class ProjectMetrics(Metrics):
    """How much two dimensions keep.

    Attributes:
        points: number of projected points.
        pca_explained_variance: share of the variance that PCA keeps.
        tsne_divergence: Kullback-Leibler divergence that t-SNE ends with, nats.
    """

    points: int
    pca_explained_variance: float
    tsne_divergence: float
