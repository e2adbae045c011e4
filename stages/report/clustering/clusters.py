"""What the page says of clusters: which are the best, and how all of them score."""

import pandas as pd

from stages.metrics.cluster import ClusterMetrics, ScoreMetrics
from stages.metrics.compare_clusters import CandidateMetrics, CompareClustersMetrics
from stages.metrics.embed_documents import EmbedDocumentsMetrics
from stages.report.page.content import Section, Table, Text, number, percent

KINDS = {
    "kmeans": "k-means",
    "kmedians": "k-medians",
    "agglomerative": "agglomerative",
    "gaussian_mixture": "Gaussian mixture",
    "dbscan": "DBSCAN",
    "hdbscan": "HDBSCAN",
}


def verdict(compared: CompareClustersMetrics) -> str:
    """Return which method and embedding to use here, and how sure that is."""
    best = compared.best
    if best is None:
        return f"Clusters were not compared: {compared.unscored}."
    if compared.unscored:
        return (
            f"{_candidate(best)} have the highest silhouette, {number(compared.silhouette)}. They "
            f"were not compared with labels: {compared.unscored}."
        )
    low, high = compared.test_interval
    sentence = (
        f"Use {_candidate(best)}: of {compared.candidates} clusterings of documents they agree "
        f"best with the {compared.labels} labels on the validation split, and on the test split at "
        f"an adjusted Rand index of {number(compared.test)} (95 % interval {number(low)} to "
        f"{number(high)})"
    )
    if low <= 0:
        sentence += ", which is not above chance"
    if compared.no_worse:
        sentence += f"; {' and '.join(map(_candidate, compared.no_worse))} cannot be told apart"
    return f"{sentence}."


def structure(compared: CompareClustersMetrics, agreement: pd.DataFrame) -> str | None:
    """Return which embedding carries most structure; None without labels or alternatives."""
    if compared.unscored or agreement["embedding"].nunique() < 2:
        return None
    best = agreement.loc[agreement.groupby("embedding")["validation"].idxmax()]
    best = best.sort_values("validation", ascending=False, kind="stable")
    first, second = best.iloc[0], best.iloc[1]
    tied = second["embedding"] in {own.embedding for own in compared.no_worse}
    sentence = (
        f"The vectors of {first['embedding']} carry most structure of this corpus; the next are "
        f"those of {second['embedding']}, at {number(second['test'])} by {second['method']}"
    )
    return f"{sentence}, which cannot be told apart." if tied else f"{sentence}."


def method_of_map(
    points: str, methods: dict[str, ClusterMetrics], agreement: pd.DataFrame, embedding: str
) -> str | None:
    """Return the method whose clusters a map shows; None if none clusters these points.

    It is the one that agrees best with the labels of the validation split, or else the first.

    Args:
        points: `words` or `documents`.
        methods: metrics of `cluster` by method.
        agreement: table of that name.
        embedding: name of the embedding of the map.
    """
    names = [name for name, own in methods.items() if own.points == points]
    scored = agreement[(agreement["embedding"] == embedding) & agreement["method"].isin(names)]
    scored = scored.dropna(subset="validation").set_index("method")["validation"]
    return scored.idxmax() if len(scored) else next(iter(names), None)


def clusters(
    methods: dict[str, ClusterMetrics],
    compared: CompareClustersMetrics,
    agreement: pd.DataFrame,
    maps: dict[str, str],
    embedded: EmbedDocumentsMetrics,
) -> Section:
    """Return the section that compares the clusters.

    Args:
        methods: metrics of `cluster` by method.
        compared: metrics of `compare_clusters`.
        agreement: table of that name.
        maps: name of the embedding of the map of words and of documents.
        embedded: metrics of `embed_documents` for the embedding of the map of documents.
    """
    blocks: list[Text | Table] = []
    if told := structure(compared, agreement):
        blocks.append(Text(told))
    of_documents = maps["documents"]
    if compared.best and compared.best.embedding != of_documents:
        blocks.append(
            Text(
                f"The map of documents and the classifiers use {of_documents}: set "
                f"clustering.maps.documents to {compared.best.embedding} in params.yaml to see the "
                "best clusters."
            )
        )
    if not compared.unscored:
        blocks.append(_matrix(agreement))
    for points in dict.fromkeys(own.points for own in methods.values()):
        of_points = {name: own for name, own in methods.items() if own.points == points}
        blocks += _scores(points, of_points, maps[points])
    if embedded.sparse_dimensions:
        blocks.append(
            Text(
                f"The vectors of {of_documents} are sparse: their "
                f"{number(embedded.sparse_dimensions)} dimensions are reduced to "
                f"{number(embedded.dimensions)} by the singular value decomposition of the "
                "documents."
            )
        )
    if left_out := embedded.dropped["documents_without_vector"]:
        told = "1 document has" if left_out == 1 else f"{number(left_out)} documents have"
        blocks.append(Text(f"{told} no vector in {of_documents}."))
    return Section(
        "Clusters", [*(f"cluster@{name}" for name in methods), "compare_clusters"], blocks
    )


def _candidate(own: CandidateMetrics) -> str:
    return f"{own.method} clusters of {own.embedding} vectors"


def _matrix(agreement: pd.DataFrame) -> Table:
    tested = agreement.pivot(index="method", columns="embedding", values="test")
    methods = agreement["method"].drop_duplicates()
    embeddings = agreement["embedding"].drop_duplicates()
    return Table(
        "Adjusted Rand index of clusters and labels on the test documents, by method and "
        "embedding: 1 is equal, 0 is chance.",
        ["method", *embeddings],
        [[method, *(number(tested.loc[method, own]) for own in embeddings)] for method in methods],
    )


def _scores(points: str, methods: dict[str, ClusterMetrics], embedding: str) -> list[Table]:
    notes = []
    for name, method in methods.items():
        own = method.embeddings[embedding]
        if own.silhouettes:
            numbers = ", ".join(map(str, own.silhouettes))
            notes.append(f"the silhouette chose among {numbers} clusters for {name}")
        if own.converged is False:
            notes.append(f"{name} stopped before it converged")
        if own.fitted_points < own.points:
            notes.append(
                f"{name} saw {number(own.fitted_points)} of {number(own.points)} {points}, and the "
                "others follow their nearest neighbour"
            )
    separated = Table(
        f"How well clusters of {points} by the vectors of {embedding} are separated, with the "
        "score of random clusters of the same sizes in brackets. Stable is the adjusted Rand index "
        "between runs from other seeds. A higher silhouette (1 at most), a lower Davies-Bouldin "
        "index and a higher Calinski-Harabasz index are better"
        + "".join(f"; {note}" for note in notes)
        + ".",
        ["method", "clusters", "in no cluster", "stable", "silhouette", "Davies-Bouldin",
         "Calinski-Harabasz"],
        [
            [
                _named(name, method),
                number(own.clusters),
                percent(own.noise / own.points),
                number(own.stability, 2),
                *map(_beside_random, (own.silhouette, own.davies_bouldin, own.calinski_harabasz)),
            ]
            for name, method in methods.items()
            for own in [method.embeddings[embedding]]
        ],
    )  # fmt: skip
    if not any(own.embeddings[embedding].adjusted_rand for own in methods.values()):
        return [separated]
    agreeing = Table(
        f"How well clusters of all {points} by the vectors of {embedding} agree with the labels, "
        "with the score of random clusters of the same sizes in brackets: 1 is equal, and points "
        "in no cluster count as one cluster.",
        ["method", "adjusted Rand", "mutual information", "purity"],
        [
            [
                _named(name, method),
                *map(_beside_random, (own.adjusted_rand, own.normalized_mutual_info, own.purity)),
            ]
            for name, method in methods.items()
            for own in [method.embeddings[embedding]]
        ],
    )
    return [separated, agreeing]


def _named(name: str, method: ClusterMetrics) -> str:
    """Return the name of a section, with its kind and distance where the name does not say them."""
    told = [] if method.kind in name else [KINDS[method.kind]]
    told += [method.distance] if method.distance else []
    return f"{name} ({', '.join(told)})" if told else name


def _beside_random(own: ScoreMetrics | None) -> str:
    if own is None:
        return "–"
    digits = 3 if abs(own.score) < 10 else 0
    return f"{number(own.score, digits)} ({number(own.random, digits)})"
