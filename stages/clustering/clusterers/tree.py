"""The top of the tree of an agglomerative clustering, as a table."""

import numpy as np
import pandas as pd
from sklearn.preprocessing import normalize

from stages.clustering.clusterers.methods import Merges
from stages.clustering.clusterers.names import nearest
from stages.clustering.points import Points

LEAVES = 24
WORDS = 3


def top_of(merges: Merges, points: Points, words: Points) -> pd.DataFrame:
    """Return the top of the tree: its nodes are merges of two large clusters.

    Average linkage adds many points one by one, so a merge with a cluster of fewer than a
    thousandth of the points, or with a single point, is not a node of its own.

    Args:
        merges: all merges.
        points: the clustered points.
        words: words that name the nodes, in the same space.

    Returns:
        Columns node, parent (missing for the root), distance (at which the two clusters of the node
        merge, 0 for a leaf), size and central_words.
    """
    n = len(merges.fitted)
    sizes = np.ones(2 * n - 1, dtype=np.int64)
    sums = np.zeros((2 * n - 1, points.vectors.shape[1]))
    sums[:n] = points.vectors[merges.fitted]
    for number, children in enumerate(merges.children, start=n):
        sizes[number], sums[number] = sizes[children].sum(), sums[children].sum(axis=0)
    smallest = max(2, n // 1000)

    def splits(node: int) -> bool:
        return node >= n and sizes[merges.children[node - n]].min() >= smallest

    def skip_small(node: int) -> int:
        """Return the first node from here down that splits, or this one if none does."""
        below = node
        while below >= n and not splits(below):
            children = merges.children[below - n]
            below = children[np.argmax(sizes[children])]
        return int(below if below >= n else node)

    root = skip_small(2 * n - 2)
    parents: dict[int, int | None] = {root: None}
    leaves = {root}
    while len(leaves) < LEAVES and (open_ := [leaf for leaf in leaves if splits(leaf)]):
        # Later merges have larger distances and larger numbers.
        split = max(open_)
        children = [skip_small(int(child)) for child in merges.children[split - n]]
        parents |= dict.fromkeys(children, split)
        leaves = leaves - {split} | set(children)
    numbers = {node: number for number, node in enumerate(parents)}
    nodes = list(parents)
    return pd.DataFrame(
        {
            "node": range(len(nodes)),
            "parent": pd.array([numbers.get(parent) for parent in parents.values()], dtype="Int32"),
            "distance": [0.0 if node in leaves else merges.distances[node - n] for node in nodes],
            "size": sizes[nodes],
            "central_words": nearest(words, normalize(sums[nodes]), WORDS),
        }
    )
