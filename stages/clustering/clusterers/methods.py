"""Methods of clustering, and their parameters."""

import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from stages.clustering.clusterers.kmedians import kmedians
from stages.clustering.clusterers.scores import silhouette
from stages.clustering.points import sample
from stages.core.params import Params

NOISE = -1
Distance = Literal["euclidean", "manhattan", "cosine"]


class ClustererParams(Params):
    """The parameters that all sections of `clustering.cluster` share."""

    kind: str
    points: Literal["words", "documents"]
    seed: int


class CountedParams(ClustererParams):
    """The parameters of methods for which the number of clusters is given."""

    clusters: int | list[int]

    @property
    def candidates(self) -> list[int]:
        """The numbers of clusters to choose from."""
        return [self.clusters] if isinstance(self.clusters, int) else self.clusters


class RandomStartParams(CountedParams):
    """The parameters of methods that start at random."""

    stability_runs: int = Field(ge=0)


class KMeansParams(RandomStartParams):
    """A section of the kind `kmeans`."""

    restarts: int = Field(ge=1)


class KMediansParams(KMeansParams):
    """A section of the kind `kmedians`."""

    max_iterations: int = Field(ge=1)


class GaussianMixtureParams(RandomStartParams):
    """A section of the kind `gaussian_mixture`."""

    covariance: Literal["diag", "spherical", "tied", "full"]
    regularization: float = Field(gt=0)
    max_iterations: int = Field(ge=1)


class AgglomerativeParams(CountedParams):
    """A section of the kind `agglomerative`."""

    linkage: Literal["average", "complete", "single", "ward"]
    distance: Distance
    fitted_points: int = Field(ge=2)


class DensityParams(ClustererParams):
    """The parameters of methods that find clusters by their density."""

    distance: Distance
    min_points: int = Field(ge=1)
    fitted_points: int = Field(ge=2)


class DbscanParams(DensityParams):
    """A section of the kind `dbscan`."""

    eps: float | None = Field(gt=0)


class HdbscanParams(DensityParams):
    """A section of the kind `hdbscan`."""

    min_cluster_size: int = Field(ge=2)


class Merges(NamedTuple):
    """The tree of an agglomerative clustering, in the order of its distances.

    Attributes:
        children: the two nodes that each merge joins, (points - 1, 2): a number below the number of
            points is a point, and others are earlier merges.
        distances: distance of the two, (points - 1,).
        fitted: rows of the points, (points,).
    """

    children: np.ndarray
    distances: np.ndarray
    fitted: np.ndarray


class Clustering(NamedTuple):
    """Clusters of points, and what the method says of them.

    Attributes:
        assigned: cluster of each point, `NOISE` for none, (points,).
        fitted_points: number of points that the method saw; the others follow their neighbours.
        silhouettes: silhouette by number of clusters, where the number was chosen.
        converged: whether an iterative method converged; None for others.
        eps: distance within which DBSCAN looks for neighbours.
        neighbour_distances: distance of each point to its neighbour number `min_points`, sorted.
        merges: tree of agglomerative clustering.
    """

    assigned: np.ndarray
    fitted_points: int
    silhouettes: dict[int, float | None]
    converged: bool | None = None
    eps: float | None = None
    neighbour_distances: np.ndarray | None = None
    merges: Merges | None = None


def kmeans(vectors: np.ndarray, params: KMeansParams) -> Clustering:
    """Cluster by k-means (Lloyd 1982), from starts by k-means++ (Arthur and Vassilvitskii 2007)."""

    def fit(clusters: int) -> tuple[np.ndarray, bool]:
        model = KMeans(clusters, n_init=params.restarts, random_state=params.seed).fit(vectors)
        return model.labels_, model.n_iter_ < model.max_iter

    return _best_number(vectors, params, fit)


def k_medians(vectors: np.ndarray, params: KMediansParams) -> Clustering:
    """Cluster by k-medians."""

    def fit(clusters: int) -> tuple[np.ndarray, bool]:
        found = kmedians(vectors, clusters, params.restarts, params.max_iterations, params.seed)
        return found.assigned, found.converged

    return _best_number(vectors, params, fit)


def gaussian_mixture(vectors: np.ndarray, params: GaussianMixtureParams) -> Clustering:
    """Cluster by the likeliest component of a Gaussian mixture, fitted by EM (Dempster 1977)."""

    def fit(clusters: int) -> tuple[np.ndarray, bool]:
        model = GaussianMixture(
            clusters,
            covariance_type=params.covariance,
            reg_covar=params.regularization,
            max_iter=params.max_iterations,
            random_state=params.seed,
        )
        return model.fit_predict(vectors), model.converged_

    return _best_number(vectors, params, fit)


def agglomerative(vectors: np.ndarray, params: AgglomerativeParams) -> Clustering:
    """Cluster by merging the nearest clusters, until as many are left as asked for."""
    fitted = sample(len(vectors), params.fitted_points, params.seed)
    model = AgglomerativeClustering(
        n_clusters=None, distance_threshold=0, linkage=params.linkage, metric=params.distance
    ).fit(vectors[fitted])

    def fit(clusters: int) -> tuple[np.ndarray, None]:
        n = len(fitted)
        merged = model.children_[: n - clusters]
        parents = n + np.arange(len(merged))
        edges = merged.ravel(), np.repeat(parents, 2)
        tree = coo_array((np.ones(2 * len(merged)), edges), shape=(2 * n, 2 * n))
        _, components = connected_components(tree, directed=False)
        _, assigned = np.unique(components[:n], return_inverse=True)
        return spread(vectors, fitted, assigned), None

    merges = Merges(model.children_, model.distances_, fitted)
    return _best_number(vectors, params, fit)._replace(fitted_points=len(fitted), merges=merges)


def dbscan(vectors: np.ndarray, params: DbscanParams) -> Clustering:
    """Cluster by density (Ester et al. 1996); eps is given, or the knee of the k-distances."""
    fitted = sample(len(vectors), params.fitted_points, params.seed)
    own = vectors[fitted]
    neighbours = min(params.min_points, len(own) - 1)
    # The nearest neighbour of a point is the point itself.
    search = NearestNeighbors(n_neighbors=neighbours + 1, metric=params.distance).fit(own)
    distances = np.sort(search.kneighbors(own)[0][:, -1])
    # Equal points have no distance, and eps must be more than 0.
    eps = params.eps or max(distances[knee(distances)], np.finfo(np.float32).eps)
    model = DBSCAN(eps=float(eps), min_samples=params.min_points, metric=params.distance)
    assigned = spread(vectors, fitted, model.fit_predict(own))
    return Clustering(assigned, len(fitted), {}, eps=float(eps), neighbour_distances=distances)


def hdbscan(vectors: np.ndarray, params: HdbscanParams) -> Clustering:
    """Cluster by density at all distances (Campello, Moulavi and Sander 2013)."""
    fitted = sample(len(vectors), params.fitted_points, params.seed)
    model = HDBSCAN(
        min_cluster_size=min(params.min_cluster_size, len(fitted)),
        min_samples=min(params.min_points, len(fitted)),
        metric=params.distance,
        algorithm="brute",  # trees are slower in so many dimensions
        n_jobs=1,
        copy=True,
    )
    assigned = spread(vectors, fitted, model.fit_predict(vectors[fitted]))
    return Clustering(assigned, len(fitted), {})


Method = Callable[[np.ndarray, Any], Clustering]
CLUSTERERS: dict[str, tuple[type[ClustererParams], Method]] = {
    "kmeans": (KMeansParams, kmeans),
    "kmedians": (KMediansParams, k_medians),
    "agglomerative": (AgglomerativeParams, agglomerative),
    "gaussian_mixture": (GaussianMixtureParams, gaussian_mixture),
    "dbscan": (DbscanParams, dbscan),
    "hdbscan": (HdbscanParams, hdbscan),
}


def spread(vectors: np.ndarray, fitted: np.ndarray, assigned: np.ndarray) -> np.ndarray:
    """Return clusters of all points: others take the cluster of the nearest fitted point.

    Args:
        vectors: vectors of the points, (points, dimensions).
        fitted: rows of the fitted points, (fitted,).
        assigned: clusters of the fitted points, (fitted,).
    """
    everywhere = np.empty(len(vectors), dtype=np.int64)
    everywhere[fitted] = assigned
    others = np.setdiff1d(np.arange(len(vectors)), fitted)
    if len(others):
        search = NearestNeighbors(n_neighbors=1).fit(vectors[fitted])
        nearest = search.kneighbors(vectors[others], return_distance=False)[:, 0]
        everywhere[others] = assigned[nearest]
    return everywhere


def knee(distances: np.ndarray) -> int:
    """Return the number of the distance farthest below the line from the first to the last.

    This is where the sorted distances turn from flat to steep (Satopaa et al. 2011).
    """
    line = np.linspace(distances[0], distances[-1], len(distances))
    return int(np.argmax(line - distances))


def _best_number(
    vectors: np.ndarray,
    params: CountedParams,
    fit: Callable[[int], tuple[np.ndarray, bool | None]],
) -> Clustering:
    """Fit each number of clusters, and return the clustering with the highest silhouette."""
    fits = {}
    with warnings.catch_warnings():  # the metrics say what converged, and how many clusters it has
        warnings.simplefilter("ignore", ConvergenceWarning)
        for number in params.candidates:
            assigned, converged = fit(number)
            # Clusters may have lost all their points.
            fits[number] = np.unique(assigned, return_inverse=True)[1], converged
    silhouettes = {}
    if len(fits) > 1:
        silhouettes = {
            number: silhouette(vectors, assigned, params.seed)
            for number, (assigned, _) in fits.items()
        }
    defined = {number: score for number, score in silhouettes.items() if score is not None}
    best = max(defined, key=defined.get, default=params.candidates[0])
    assigned, converged = fits[best]
    return Clustering(assigned, len(vectors), silhouettes, converged)
