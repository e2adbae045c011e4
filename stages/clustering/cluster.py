"""Cluster points by k-means, and name each cluster by the words nearest to its centre."""

import argparse
from pathlib import Path
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
from stages.errors import StageError
from stages.outputs import Outputs
from stages.params import Params, load

WORDS_IN_A_NAME = 4
# Silhouettes compare every pair of points; beyond this many a sample tells as much.
SILHOUETTE_POINTS = 3_000


class ClusterParams(Params):
    """A section of `clustering.cluster`."""

    clusters: int = Field(ge=2)
    restarts: int = Field(ge=1)
    seed: int


def centre_words(centres: np.ndarray, words: Points) -> list[list[str]]:
    """Return, for each centre, the words whose vectors make the smallest angle with it."""
    cosines = centres @ words.vectors.T  # (clusters, words)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :WORDS_IN_A_NAME]
    return [[words.names[row] for row in rows] for rows in nearest]


def agreement(labels: list[str | None], clusters: np.ndarray) -> dict[str, Any]:
    """Return how far `clusters` agree with the labels, over the points that have one."""
    rows = [row for row, label in enumerate(labels) if label is not None]
    known = [labels[row] for row in rows]
    if len(set(known)) < 2:
        return {"labelled_points": len(rows), "adjusted_rand": None, "normalized_mutual_info": None}
    return {
        "labelled_points": len(rows),
        "adjusted_rand": float(adjusted_rand_score(known, clusters[rows])),
        "normalized_mutual_info": float(normalized_mutual_info_score(known, clusters[rows])),
    }


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, cluster, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", type=Path)
    parser.add_argument("words", type=Path, help="points of the words that clusters are named by")
    parser.add_argument("members", type=Path)
    parser.add_argument("clusters", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, ClusterParams)

    points = read(args.points)
    if len(points.names) <= params.clusters:
        raise StageError(
            f"{args.points} has {len(points.names)} points, not enough for {params.clusters} "
            f"clusters: lower {args.params}.clusters or bring more text"
        )
    model = KMeans(params.clusters, n_init=params.restarts, random_state=params.seed)
    distances = model.fit_transform(points.vectors)  # (points, clusters)
    used, assigned = np.unique(model.labels_, return_inverse=True)
    names = centre_words(model.cluster_centers_[used], read(args.words))
    nearest = distances[np.arange(len(assigned)), model.labels_]
    silhouette = silhouette_score(
        points.vectors,
        assigned,
        sample_size=min(SILHOUETTE_POINTS, len(assigned)),
        random_state=params.seed,
    )
    with Outputs(args.validation) as outputs:
        outputs.table(
            args.members,
            MEMBERS,
            pa.table([points.names, assigned.astype(np.int32), nearest], schema=MEMBERS.schema),
        )
        outputs.table(
            args.clusters,
            CLUSTERS,
            pa.table(
                [range(len(used)), np.bincount(assigned), [", ".join(n) for n in names]],
                schema=CLUSTERS.schema,
            ),
        )
        outputs.json(
            args.metrics,
            {
                "clusters": len(used),
                "points": len(assigned),
                "inertia": float(model.inertia_),
                "silhouette": float(silhouette),
                **agreement(points.labels, assigned),
            },
        )
