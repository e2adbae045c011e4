"""Cluster points by k-means, and name each cluster by the words nearest to its centre."""

from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    silhouette_score,
)

from stages.clustering.contracts import CLUSTERS, MEMBERS
from stages.clustering.points import Points, read
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.metrics.cluster import ClusterMetrics

WORDS_PER_NAME = 4
# The silhouette compares all pairs of points, so larger sets are sampled.
SILHOUETTE_POINTS = 3_000


class ClusterParams(Params):
    """A section of `clustering.cluster`."""

    clusters: int = Field(ge=2)
    restarts: int = Field(ge=1)
    seed: int


def centre_words(centres: np.ndarray, words: Points) -> list[list[str]]:
    """Return the words nearest to each centre by cosine, nearest first."""
    cosines = centres @ words.vectors.T  # (clusters, words)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :WORDS_PER_NAME]
    return [[words.names[row] for row in rows] for rows in nearest]


def agreement(labels: list[str | None], clusters: np.ndarray) -> dict[str, Any]:
    """Return the agreement of clusters and labels, over the points that have a label.

    Args:
        labels: labels of the points, None for a point without one.
        clusters: clusters of the points, (points,).
    """
    rows = [row for row, label in enumerate(labels) if label is not None]
    known = [labels[row] for row in rows]
    if len(set(known)) < 2:
        return {"labelled_points": len(rows), "adjusted_rand": None, "normalized_mutual_info": None}
    return {
        "labelled_points": len(rows),
        "adjusted_rand": float(adjusted_rand_score(known, clusters[rows])),
        "normalized_mutual_info": float(normalized_mutual_info_score(known, clusters[rows])),
    }


@command
def main(
    *,
    params: ClusterParams,
    points: Input,
    words: Input,
    members: Table[MEMBERS],
    clusters: Table[CLUSTERS],
    metrics: Output,
) -> None:
    """Cluster points by k-means, and name each cluster by the words nearest to its centre.

    Args:
        words: points table of the words that name the clusters
    """
    loaded = read(points)
    if len(loaded.names) <= params.clusters:
        raise StageError(
            f"{points} has {len(loaded.names)} points, not enough for {params.clusters} "
            f"clusters: lower {params.section}.clusters or bring more text"
        )
    model = KMeans(params.clusters, n_init=params.restarts, random_state=params.seed)
    distances = model.fit_transform(loaded.vectors)  # (points, clusters)
    used, assigned = np.unique(model.labels_, return_inverse=True)
    names = centre_words(model.cluster_centers_[used], read(words))
    nearest = distances[np.arange(len(assigned)), model.labels_]
    silhouette = silhouette_score(
        loaded.vectors,
        assigned,
        sample_size=min(SILHOUETTE_POINTS, len(assigned)),
        random_state=params.seed,
    )
    members.write(
        pa.table([loaded.names, assigned.astype(np.int32), nearest], schema=members.schema)
    )
    sizes = np.bincount(assigned)
    clusters.write(
        pa.table([range(len(used)), sizes, [", ".join(n) for n in names]], schema=clusters.schema)
    )
    metrics.write_json(
        ClusterMetrics(
            clusters=len(used),
            points=len(assigned),
            inertia=model.inertia_,
            silhouette=silhouette,
            **agreement(loaded.labels, assigned),
        )
    )
