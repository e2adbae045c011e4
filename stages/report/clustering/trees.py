"""The dendrogram of agglomerative clustering, and the distances by which DBSCAN was set."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from stages.metrics.cluster import ClusterMetrics
from stages.report.page.charts import COLOURS, drawn
from stages.report.page.content import Chart, Section, Text, number, percent

Tables = dict[str, pd.DataFrame]
# Share of the range of distances that the branches to the leaves extend below it.
LEAF_LENGTH = 0.08
# Pixels beside the tree, for the names of its leaves.
NAME_WIDTH = 225


def hierarchy(
    methods: dict[str, ClusterMetrics],
    dendrograms: Tables,
    distances: Tables,
    maps: dict[str, str],
) -> list[Section]:
    """Return the sections about the tree of clusters and the density of points.

    Args:
        methods: metrics of `cluster` by method.
        dendrograms: table `dendrogram` by method.
        distances: table `neighbour_distances` by method.
        maps: name of the embedding of the map of words and of documents.
    """
    sections = []
    for section, tables in ((_tree, dendrograms), (_density, distances)):
        for name, table in tables.items():
            own = methods[name]
            embedding = maps[own.points]
            rows = table[table["embedding"] == embedding]
            if len(rows) > 1:
                sections.append(section(name, own, rows, embedding))
    return sections


def _tree(name: str, method: ClusterMetrics, nodes: pd.DataFrame, embedding: str) -> Section:
    leaves = int((~nodes["node"].isin(nodes["parent"])).sum())
    return Section(
        f"Tree of {method.points}" if name == "agglomerative" else f"Tree of {name}",
        [f"cluster@{name}"],
        [
            Chart(
                f"The top of the tree of {method.points} by their {embedding} vectors: {leaves} "
                f"branches, named by the words nearest to their centres, merge from right to left; "
                f"merges with fewer than a thousandth of the {method.points} are not drawn.",
                dendrogram(nodes, name, f"Dendrogram of {method.points}."),
            )
        ],
    )


def _density(name: str, method: ClusterMetrics, ranks: pd.DataFrame, embedding: str) -> Section:
    own = method.embeddings[embedding]
    found = (
        f"{name} puts {percent(1 - own.noise / own.points)} of the {method.points} into "
        f"{number(own.clusters)} {'cluster' if own.clusters == 1 else 'clusters'}"
    )
    if own.clusters < 2:
        found += ": at this distance their density has no gaps, and lower values of eps leave more "
        found += f"{method.points} in no cluster"
    return Section(
        "Density" if name == "dbscan" else f"Density by {name}",
        [f"cluster@{name}"],
        [
            Text(f"{found}."),
            Chart(
                f"Distances of {method.points} to a near neighbour, sorted: {name} looks for "
                f"neighbours within {number(own.eps)} (dashed).",
                neighbour_distances(ranks, own.eps, "Sorted distances to a near neighbour."),
            ),
        ],
    )


def layout(nodes: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of a tree: columns x, x2, y and y2, and the names of leaves.

    Args:
        nodes: columns node, parent, distance, size and central_words.

    Returns:
        A row for each line; that of a leaf has its name and its size.
    """
    children = nodes.dropna(subset="parent").groupby("parent")["node"].apply(list).to_dict()
    inner = nodes.loc[nodes["node"].isin(children), "distance"]
    low = inner.min() - max(LEAF_LENGTH * (inner.max() - inner.min()), 0.001 * inner.max())
    distance = nodes.set_index("node")["distance"].where(
        nodes.set_index("node").index.isin(children), low
    )
    height: dict[int, float] = {}
    count = 0

    def place(node: int) -> None:
        nonlocal count
        for child in children.get(node, []):
            place(child)
        if node in children:
            height[node] = float(np.mean([height[child] for child in children[node]]))
        else:
            height[node] = count
            count += 1

    root = int(nodes.loc[nodes["parent"].isna(), "node"].iloc[0])
    place(root)
    rows = []
    for row in nodes.itertuples():
        at = distance[row.node]
        leaf = row.node not in children
        if row.node != root:
            name = f"{', '.join(row.central_words)} ({number(int(nodes.loc[row.Index, 'size']))})"
            rows.append(
                (distance[row.parent], at, height[row.node], height[row.node], name if leaf else "")
            )
        if not leaf:
            ends = [height[child] for child in children[row.node]]
            rows.append((at, at, min(ends), max(ends), ""))
    return pd.DataFrame(rows, columns=["x", "x2", "y", "y2", "name"])


def dendrogram(nodes: pd.DataFrame, name: str, description: str) -> dict[str, Any]:
    """Return the tree as a chart, with the root on the left.

    Args:
        nodes: columns node, parent, distance, size and central_words.
        name: name of the method, for the data set.
        description: text for screen readers.
    """
    lines = layout(nodes)
    scale = alt.Scale(
        domain=[lines[["x", "x2"]].max().max(), lines[["x", "x2"]].min().min()],
        range=[0, alt.ExprRef(f"width - {NAME_WIDTH}")],
        nice=False,
        zero=False,
    )
    leaves = int((lines["name"] != "").sum())
    none = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    right = alt.X(
        "x:Q",
        title="distance of a merge",
        axis=alt.Axis(grid=False, tickCount=3, titleAnchor="start"),
        scale=scale,
    )
    up = alt.Y("y:Q", axis=none, scale=alt.Scale(domain=[leaves - 0.5, -0.5], nice=False))
    base = alt.Chart(alt.Data(values=[], name=f"dendrogram_{name}"))
    rules = base.mark_rule(color=COLOURS[0], strokeWidth=1.5).encode(
        x=right, x2="x2:Q", y=up, y2="y2:Q"
    )
    names = (
        base.transform_filter("datum.name !== ''")
        .mark_text(align="left", baseline="middle", dx=6, fontSize=11, limit=NAME_WIDTH - 6)
        .encode(
            x=alt.X("x2:Q", scale=scale),
            y=up,
            text="name:N",
        )
    )
    specification = (
        (rules + names)
        .properties(
            width="container",
            height=max(22 * leaves, 120),
            description=description,
        )
        .configure(font="system-ui, sans-serif", background="transparent")
        .configure_view(stroke=None)
        .to_dict()
    )
    specification["data"]["values"] = lines.round(5).to_dict("records")
    return specification


def neighbour_distances(ranks: pd.DataFrame, eps: float, description: str) -> dict[str, Any]:
    """Return the sorted distances as a line, and eps as a dashed one.

    Args:
        ranks: columns rank and distance.
        eps: the distance of the dashed line.
        description: text for screen readers.
    """
    base = alt.Chart(alt.Data(values=[], name="neighbour_distances"))
    line = base.mark_line(color=COLOURS[0]).encode(
        x=alt.X("rank:Q", title="points, sorted", scale=alt.Scale(nice=False)),
        y=alt.Y("distance:Q", title="distance", scale=alt.Scale(zero=False)),
        tooltip=["rank:Q", alt.Tooltip("distance:Q", format=".3f")],
    )
    rule = base.mark_rule(color=COLOURS[1], strokeDash=[6, 4]).encode(y=alt.datum(eps))
    return drawn(line + rule, ranks.round(4), description)
