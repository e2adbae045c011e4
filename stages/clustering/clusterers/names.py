"""What is typical of clusters: their words, documents and labels."""

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from stages.clustering.points import Points

WORDS = 5
POINTS_LISTED = 3
LABELS = 3


def centres_of(vectors: np.ndarray, assigned: np.ndarray, clusters: int) -> np.ndarray:
    """Return the directions of the means of clusters, (clusters, dimensions)."""
    return normalize(_indicator(assigned, clusters) @ vectors)


def nearest(points: Points, centres: np.ndarray, n: int) -> list[list[str]]:
    """Return the names of the points nearest to each centre by cosine, nearest first."""
    rows = np.argsort(-(centres @ points.vectors.T), axis=1, kind="stable")[:, :n]
    return [[points.names[row] for row in own] for own in rows]


def central(points: Points, assigned: np.ndarray, centres: np.ndarray) -> list[list[str]]:
    """Return the names of the points of each cluster that are nearest to its centre."""
    named = []
    for cluster, centre in enumerate(centres):
        rows = np.flatnonzero(assigned == cluster)
        order = np.argsort(-(points.vectors[rows] @ centre), kind="stable")[:POINTS_LISTED]
        named.append([points.names[row] for row in rows[order]])
    return named


def set_apart(points: Points, assigned: np.ndarray, centres: np.ndarray) -> list[list[str]]:
    """Return the words of each cluster that are nearer to its centre than to any other by most.

    Args:
        points: the clustered words.
        assigned: their clusters, (words,).
        centres: centres of the clusters, (clusters, dimensions).
    """
    cosines = points.vectors @ centres.T  # (words, clusters)
    rows = np.arange(len(assigned))
    own = cosines[rows, assigned]
    cosines[rows, assigned] = -np.inf
    margins = np.where(assigned >= 0, own - cosines.max(axis=1), -np.inf)
    named = []
    for cluster in range(len(centres)):
        members = np.flatnonzero(assigned == cluster)
        order = np.argsort(-margins[members], kind="stable")[:WORDS]
        named.append([points.names[row] for row in members[order]])
    return named


class Typical:
    """TF-IDF of documents, by which words are typical of clusters of them.

    Attributes:
        rows: row of each document by its id.
        weights: TF-IDF, (documents, words).
        words: the words.
    """

    def __init__(self, documents: pa.Table) -> None:
        """Weigh the words of documents: columns doc_id and tokens."""
        vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True)
        self.rows = {name: row for row, name in enumerate(documents["doc_id"].to_pylist())}
        self.weights = csr_array(vectorizer.fit_transform(documents["tokens"].to_pylist()))
        self.words = vectorizer.get_feature_names_out()

    def of(self, names: list[str], assigned: np.ndarray, clusters: int) -> list[list[str]]:
        """Return the words whose mean weight in a cluster is farthest above that in all documents.

        Args:
            names: ids of the clustered documents.
            assigned: their clusters, (documents,).
            clusters: number of clusters.
        """
        weights = self.weights[[self.rows[name] for name in names]]
        indicator = _indicator(assigned, clusters)
        sums = (indicator @ weights).toarray()  # (clusters, words)
        excess = sums / indicator.sum(axis=1)[:, None] - weights.mean(axis=0)
        best = np.argsort(-excess, axis=1, kind="stable")[:, :WORDS]
        return [[str(self.words[word]) for word in own] for own in best]


def top_labels(
    labels: list[str | None], assigned: np.ndarray, clusters: int
) -> list[list[dict[str, str | int]]]:
    """Return the most frequent labels of each cluster, with their counts."""
    frame = pd.DataFrame({"label": labels, "cluster": assigned}).dropna()
    counts = {cluster: Counter(own["label"]) for cluster, own in frame.groupby("cluster")}
    return [
        [
            {"label": label, "count": count}
            for label, count in counts.get(cluster, Counter()).most_common(LABELS)
        ]
        for cluster in range(clusters)
    ]


def _indicator(assigned: np.ndarray, clusters: int) -> csr_array:
    """Return which points are in which cluster, (clusters, points)."""
    rows = np.flatnonzero(assigned >= 0)
    parts = (np.ones(len(rows)), (assigned[rows], rows))
    return csr_array(parts, shape=(clusters, len(assigned)))
