"""The page of the clustering room."""

import pandas as pd

from stages.report.charts import cluster_map
from stages.report.content import Chart, Page, Section, Table, Text, not_run, number, percent
from stages.report.inputs import Inputs

TITLE = "Clusters"
CLUSTERS_LISTED = 20
METHODS = {"pca": "PCA", "tsne": "t-SNE"}


def build(inputs: Inputs) -> Page:
    """Return the page."""
    kinds = inputs.metrics_of("cluster")
    if not kinds:
        return not_run("clustering", TITLE)
    labelled = {k: m for k, m in kinds.items() if m["adjusted_rand"] is not None}
    summary = "; ".join(
        f"{number(metrics['points'])} {kind} fall into {metrics['clusters']} clusters"
        for kind, metrics in kinds.items()
    )
    for kind, metrics in labelled.items():
        summary += (
            f"; those of {kind} agree with the labels at an adjusted Rand index of "
            f"{number(metrics['adjusted_rand'])}"
        )
    return Page(
        "clustering",
        TITLE,
        f"{summary}.",
        [
            Section(
                "Scores",
                [f"cluster@{kind}" for kind in kinds],
                [_scores(kinds), *_left_out(inputs)],
            ),
            *(section for kind in sorted(kinds, reverse=True) for section in _kind(inputs, kind)),
        ],
    )


def _scores(kinds: dict) -> Table:
    return Table(
        "Silhouette says how much nearer points are to their own cluster than to the next (1 at "
        "most); adjusted Rand and mutual information compare with the labels (0 is chance, 1 is "
        "the same).",
        ["points", "number", "clusters", "silhouette", "adjusted Rand", "mutual information"],
        [
            [
                kind,
                number(metrics["points"]),
                number(metrics["clusters"]),
                number(metrics["silhouette"]),
                number(metrics["adjusted_rand"]),
                number(metrics["normalized_mutual_info"]),
            ]
            for kind, metrics in kinds.items()
        ],
    )


def _left_out(inputs: Inputs) -> list[Text]:
    n = inputs.metric("gather_points").get("dropped", {}).get("no_known_word", 0)
    return [Text(f"{number(n)} documents have no known word and are left out.")] if n else []


def _kind(inputs: Inputs, kind: str) -> list[Section]:
    clusters = inputs.table("clustering", f"{kind}/clusters")
    members = inputs.table("clustering", f"{kind}/members", ["point", "cluster"])
    points = inputs.table("clustering", f"{kind}/points", ["point", "label"])
    projection = inputs.table("clustering", f"{kind}/projection")
    if clusters is None or members is None or points is None or projection is None:
        return []
    rows = (
        projection.merge(members, on="point")
        .merge(clusters[["cluster", "name"]], on="cluster")
        .merge(points, on="point")
    )
    rows = rows.assign(
        method=rows["method"].map(METHODS), x=rows["x"].round(3), y=rows["y"].round(3)
    )
    if rows["label"].isna().all():
        rows = rows.drop(columns="label")
    else:
        rows["label"] = rows["label"].fillna("no label")
    explained = inputs.metrics_of("project")[kind]["pca_explained_variance"]
    shown = projection["point"].nunique()
    largest = clusters.sort_values("size", ascending=False, kind="stable")
    return [
        Section(
            f"Map of {kind}",
            [f"project@{kind}", f"cluster@{kind}"],
            [
                Chart(
                    f"{number(shown)} {kind} in the plane, coloured by cluster: t-SNE keeps "
                    f"neighbours together, PCA keeps {percent(explained)} of the variance; hover "
                    "to name a point and light up its cluster.",
                    cluster_map(_records(rows), kind, f"Map of {kind}, coloured by cluster."),
                ),
                Table(
                    "The largest clusters, named by the words nearest to their centres.",
                    ["cluster", kind],
                    [
                        [name, number(int(size))]
                        for name, size in zip(largest["name"], largest["size"], strict=True)
                    ][:CLUSTERS_LISTED],
                ),
            ],
        )
    ]


def _records(rows: pd.DataFrame) -> pd.DataFrame:
    columns = ["point", "method", "x", "y", "cluster", "name", "label"]
    return rows[[column for column in columns if column in rows]]
