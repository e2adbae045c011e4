"""Render the page of the clustering room."""

import pandas as pd

from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output
from stages.core.params import Variants
from stages.metrics.cluster import ClusterMetrics
from stages.metrics.embed_documents import EmbedDocumentsMetrics
from stages.metrics.mine_rules import MineRulesMetrics
from stages.metrics.project import ProjectMetrics
from stages.metrics.trace_kmeans import TraceKmeansMetrics
from stages.report.clustering.kmeans import kmeans_steps
from stages.report.clustering.projections import NAMES, methods_of, projections
from stages.report.clustering.rules import association_rules
from stages.report.page.charts import cluster_map
from stages.report.page.content import Chart, Page, Section, Table, Text, number, percent
from stages.report.page.html import write_page
from stages.report.page.inputs import read_all_metrics, read_table, read_tables

CLUSTERS_LISTED = 20


def clustering_page(
    kinds: dict[str, ClusterMetrics], embedded: EmbedDocumentsMetrics, others: list[Section]
) -> Page:
    """Return the page.

    Args:
        kinds: metrics of `cluster` by what is clustered.
        embedded: metrics of `embed_documents`.
        others: the other sections: a map for each kind, projections, k-means and rules.
    """
    summary = "; ".join(
        f"{number(own.points)} {kind} fall into {own.clusters} clusters"
        for kind, own in kinds.items()
    )
    for kind, own in kinds.items():
        if own.adjusted_rand is not None:
            summary += (
                f"; those of {kind} agree with the labels at an adjusted Rand index of "
                f"{number(own.adjusted_rand)}"
            )
    return Page(
        "clustering",
        f"{summary}.",
        [
            Section(
                "Scores",
                [f"cluster@{kind}" for kind in kinds],
                [_scores(kinds), *_left_out(embedded)],
            ),
            *others,
        ],
    )


@command
def main(
    *,
    clustering: Variants,
    maps: Variants,
    points: Input,
    cluster: Input,
    project: Input,
    trace_kmeans: Input,
    rules: Input,
    embed_documents_metrics: Input,
    cluster_metrics: Input,
    project_metrics: Input,
    trace_kmeans_metrics: Input,
    mine_rules_metrics: Input,
    page: Output,
    headline: Output,
) -> None:
    """Render the page of the clustering room.

    Args:
        clustering: section whose keys are what is clustered
        maps: section that lists what is drawn as maps
    """
    members = read_tables(cluster, clustering, "members")
    clusters = read_tables(cluster, clustering, "clusters")
    projected = read_all_metrics(project_metrics, maps, ProjectMetrics)
    planes = read_tables(project, maps, "projection")
    sections = [
        map_section(
            kind,
            read_table(points / f"{kind}.parquet", ["point", "label"]),
            members[kind],
            clusters[kind],
            planes[kind],
            projected[kind],
        )
        for kind in maps.names
    ]
    sections += [
        projections(
            projected,
            read_tables(project, maps, "explained_variance"),
            read_tables(project, maps, "circle_steps"),
        ),
        kmeans_steps(
            read_metrics(trace_kmeans_metrics, TraceKmeansMetrics),
            *(
                read_table(trace_kmeans / f"{name}.parquet")
                for name in ("steps", "step_points", "step_centres")
            ),
        ),
        association_rules(read_metrics(mine_rules_metrics, MineRulesMetrics), read_table(rules)),
    ]
    content = clustering_page(
        read_all_metrics(cluster_metrics, clustering, ClusterMetrics),
        read_metrics(embed_documents_metrics, EmbedDocumentsMetrics),
        sections,
    )
    write_page(content, page, headline)


def _scores(kinds: dict[str, ClusterMetrics]) -> Table:
    return Table(
        "Silhouette says how much nearer points are to their own cluster than to the next (1 at "
        "most). Adjusted Rand and mutual information compare with the labels (0 is chance, 1 is "
        "equal).",
        ["points", "number", "clusters", "silhouette", "adjusted Rand", "mutual information"],
        [
            [
                kind,
                number(own.points),
                number(own.clusters),
                number(own.silhouette),
                number(own.adjusted_rand),
                number(own.normalized_mutual_info),
            ]
            for kind, own in kinds.items()
        ],
    )


def _left_out(embedded: EmbedDocumentsMetrics) -> list[Text]:
    n = embedded.dropped["no_known_word"]
    return [Text(f"{number(n)} documents have no known word and are left out.")] if n else []


def map_section(
    kind: str,
    points: pd.DataFrame,
    members: pd.DataFrame,
    clusters: pd.DataFrame,
    projection: pd.DataFrame,
    projected: ProjectMetrics,
) -> Section:
    """Return a map of the points and a table of their largest clusters.

    Args:
        kind: what is clustered, such as `words`.
        points: columns point and label.
        members: table of that name.
        clusters: table of that name.
        projection: table of that name.
        projected: metrics of `project`.
    """
    rows = (
        projection.merge(members[["point", "cluster"]], on="point")
        .merge(clusters[["cluster", "name"]], on="cluster")
        .merge(points, on="point")
    )
    # The methods have different units, and a map has none.
    units = rows.groupby("method")[["x", "y"]].transform(lambda own: own.abs().max())
    rows = rows.assign(
        method=rows["method"].map(NAMES), **(rows[["x", "y"]] / units.where(units > 0, 1)).round(3)
    )
    if rows["label"].isna().all():
        rows = rows.drop(columns="label")
    else:
        rows["label"] = rows["label"].fillna("no label")
    shown = projection["point"].nunique()
    methods = methods_of(projected)
    largest = clusters.sort_values("size", ascending=False, kind="stable")
    return Section(
        f"Map of {kind}",
        [f"project@{kind}", f"cluster@{kind}"],
        [
            Chart(
                f"{number(shown)} {kind} in the plane, coloured by cluster: "
                f"{methods[0]} keeps neighbours together best, PCA keeps "
                f"{percent(projected.pca_explained_variance)} of the variance; hover to name a "
                "point and light up its cluster.",
                cluster_map(
                    _records(rows),
                    kind,
                    methods,
                    f"Map of {kind}, coloured by cluster.",
                ),
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


def _records(rows: pd.DataFrame) -> pd.DataFrame:
    columns = ["point", "method", "x", "y", "cluster", "name", "label"]
    return rows[[column for column in columns if column in rows]]
