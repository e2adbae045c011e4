"""Cluster the words or documents of every embedding by one method, and name the clusters."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stages.clustering.clusterers.methods import (
    CLUSTERERS,
    AgglomerativeParams,
    ClustererParams,
    Clustering,
    CountedParams,
    RandomStartParams,
)
from stages.clustering.clusterers.names import (
    WORDS,
    Typical,
    central,
    centres_of,
    nearest,
    set_apart,
    top_labels,
)
from stages.clustering.clusterers.scores import agreement, inner_scores, stability
from stages.clustering.clusterers.tree import top_of
from stages.clustering.contracts import CLUSTERS, DENDROGRAM, MEMBERS, NEIGHBOUR_DISTANCES
from stages.clustering.points import Points, read
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Kind, Variants, load_kind
from stages.core.progress import progress
from stages.metrics.cluster import ClusterMetrics, ClustersMetrics

NEIGHBOUR_DISTANCES_LISTED = 200


def load_params(section: str) -> ClustererParams:
    """Return the parameters of a method, checked for its kind."""
    return load_kind(section, {kind: model for kind, (model, _) in CLUSTERERS.items()})


def check(*, params: Kind) -> None:
    """Check the parameters for the kind of method."""
    own = load_params(params.section)
    if isinstance(own, CountedParams) and (not own.candidates or min(own.candidates) < 2):
        raise StageError(
            f"params.yaml: {params.section}.clusters is {own.clusters}: give one number from 2, or "
            "a list of them to choose from"
        )
    if not isinstance(own, AgglomerativeParams):
        return
    if own.fitted_points <= max(own.candidates):
        raise StageError(
            f"params.yaml: {params.section}.fitted_points is {own.fitted_points}, too few for "
            f"{max(own.candidates)} clusters: raise it or lower {params.section}.clusters"
        )
    if own.linkage == "ward" and own.distance != "euclidean":
        raise StageError(
            f"params.yaml: {params.section}.linkage is ward, which needs {params.section}.distance "
            f"to be euclidean: it is {own.distance}"
        )


def checked(points: Points, params: ClustererParams, source: Path) -> np.ndarray:
    """Return the vectors of points, in double precision.

    Raises:
        StageError: the points cannot be clustered.
    """
    most = max(params.candidates) if isinstance(params, CountedParams) else 1
    if len(points.names) <= most:
        advice = f"lower {params.section}.clusters or " if most > 1 else ""
        raise StageError(
            f"{source} has {len(points.names)} points, too few for {most} clusters: "
            f"{advice}bring more text"
        )
    if (points.vectors == points.vectors[0]).all():
        raise StageError(
            f"{source} has {len(points.names)} equal vectors, which nothing tells apart: train the "
            "embedding for more epochs, or bring more text"
        )
    return points.vectors.astype(np.float64)


def stability_of(vectors: np.ndarray, params: ClustererParams, found: Clustering) -> float | None:
    """Return the mean adjusted Rand index between runs from different seeds; None without any."""
    if not isinstance(params, RandomStartParams):
        return None
    _, method = CLUSTERERS[params.kind]
    runs = [found.assigned]
    for more in range(1, params.stability_runs + 1):
        changes = {"clusters": int(found.assigned.max()) + 1, "seed": params.seed + more}
        runs.append(method(vectors, params.model_copy(update=changes)).assigned)
    return stability(runs)


def named(points: Points, assigned: np.ndarray, words: Points, typical: Typical | None) -> dict:
    """Return the columns of the table `clusters` other than the embedding.

    Args:
        points: the clustered points.
        assigned: their clusters, (points,).
        words: words in the same space.
        typical: TF-IDF of the documents; None if words are clustered.
    """
    clusters = assigned.max() + 1
    centres = centres_of(points.vectors, assigned, clusters)
    if typical is None:
        distinctive = set_apart(points, assigned, centres)
    else:
        distinctive = typical.of(points.names, assigned, clusters)
    return {
        "cluster": np.arange(clusters, dtype=np.int32),
        "size": np.bincount(assigned[assigned >= 0], minlength=clusters),
        "central_words": nearest(words, centres, WORDS),
        "distinctive_words": distinctive,
        "central_points": central(points, assigned, centres),
        "labels": top_labels(points.labels, assigned, clusters),
    }


def measured(
    points: Points, vectors: np.ndarray, params: ClustererParams, found: Clustering
) -> ClustersMetrics:
    """Return the scores of the clusters of one embedding."""
    return ClustersMetrics(
        points=len(points.names),
        fitted_points=found.fitted_points,
        clusters=found.assigned.max() + 1,
        noise=(found.assigned < 0).sum(),
        silhouettes=found.silhouettes,
        eps=found.eps,
        converged=found.converged,
        stability=stability_of(vectors, params, found),
        **inner_scores(vectors, found.assigned, params.seed),
        **agreement(points.labels, found.assigned, params.seed),
    )


def ranked(distances: np.ndarray) -> pd.DataFrame:
    """Return sorted distances at evenly spaced ranks, with the first and the last."""
    last = len(distances) - 1
    listed = np.unique(np.linspace(0, last, NEIGHBOUR_DISTANCES_LISTED).astype(np.int32))
    return pd.DataFrame({"rank": listed + 1, "distance": distances[listed]})


@command
def main(
    *,
    params: Kind,
    train_embedding: Variants,
    points: Input,
    tokens: Input,
    members: Table[MEMBERS],
    clusters: Table[CLUSTERS],
    dendrogram: Table[DENDROGRAM],
    neighbour_distances: Table[NEIGHBOUR_DISTANCES],
    metrics: Output,
) -> None:
    """Cluster the words or documents of every embedding by one method, and name the clusters.

    Args:
        train_embedding: section whose keys are the names of the embeddings
        points: folder with a folder of points tables for each embedding
        tokens: tokens of the documents, which name clusters of documents
    """
    check(params=params)
    own = load_params(params.section)
    _, method = CLUSTERERS[own.kind]
    of_documents = own.points == "documents"
    typical = Typical(pq.read_table(tokens, columns=["doc_id", "tokens"])) if of_documents else None
    frames: dict[Table, list[pd.DataFrame]] = {
        members: [],
        clusters: [],
        dendrogram: [],
        neighbour_distances: [],
    }
    found = {}
    for embedding in progress(train_embedding.names, "embeddings", len(train_embedding.names)):
        source = points / embedding / f"{own.points}.parquet"
        if not source.exists():
            raise StageError(f"{source} does not exist: run dvc repro embed_documents@{embedding}")
        loaded = read(source)
        vectors = checked(loaded, own, source)
        words = read(points / embedding / "words.parquet") if of_documents else loaded
        clustering = method(vectors, own)
        assigned = clustering.assigned
        written = {members: pd.DataFrame({"point": loaded.names, "cluster": assigned})}
        if assigned.max() >= 0:
            written[clusters] = pd.DataFrame(named(loaded, assigned, words, typical))
        if clustering.merges:
            written[dendrogram] = top_of(clustering.merges, loaded, words)
        if clustering.neighbour_distances is not None:
            written[neighbour_distances] = ranked(clustering.neighbour_distances)
        for table, frame in written.items():
            frames[table].append(frame.assign(embedding=embedding))
        found[embedding] = measured(loaded, vectors, own, clustering)
    for table, parts in frames.items():
        rows = pd.concat(parts) if parts else table.schema.empty_table().to_pandas()
        table.write(pa.Table.from_pandas(rows, table.schema, preserve_index=False))
    metrics.write_json(
        ClusterMetrics(
            kind=own.kind,
            points=own.points,
            distance=getattr(own, "distance", None),
            embeddings=found,
        )
    )
