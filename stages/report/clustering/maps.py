"""Maps of points, coloured by cluster or label, and what their clusters contain."""

import pandas as pd

from stages.metrics.project import ProjectMetrics
from stages.report.clustering.projections import NAMES, methods_of
from stages.report.page.charts import cluster_map
from stages.report.page.content import Chart, Section, Table, number, percent

CLUSTERS_LISTED = 20
NO_CLUSTER, NO_LABEL = "in no cluster", "no label"


def map_section(
    kind: str,
    embedding: str,
    method: str,
    points: pd.DataFrame,
    members: pd.DataFrame,
    clusters: pd.DataFrame,
    projection: pd.DataFrame,
    projected: ProjectMetrics,
) -> Section:
    """Return a map of the points and a table of their largest clusters.

    Args:
        kind: what is clustered, `words` or `documents`.
        embedding: name of the embedding.
        method: name of the method of the clusters.
        points: columns point and label.
        members: table of that name, of one embedding.
        clusters: table of that name, of one embedding.
        projection: table of that name.
        projected: metrics of `project`.
    """
    named = clusters.assign(name=clusters["central_words"].map(lambda own: ", ".join(own[:4])))
    rows = (
        projection.merge(members[["point", "cluster"]], on="point")
        .merge(named[["cluster", "name"]], on="cluster", how="left")
        .merge(points, on="point")
    )
    # The methods have different units, and a map has none.
    units = rows.groupby("method")[["x", "y"]].transform(lambda own: own.abs().max())
    rows = rows.assign(
        method=rows["method"].map(NAMES),
        name=rows["name"].fillna(NO_CLUSTER),
        **(rows[["x", "y"]] / units.where(units > 0, 1)).round(3),
    )
    columns = ["point", "method", "x", "y", "cluster", "name"]
    if rows["label"].notna().any():
        columns.append("label")
        rows["label"] = rows["label"].fillna(NO_LABEL)
    methods = methods_of(projected)
    coloured = "cluster or label" if "label" in columns else "cluster"
    return Section(
        f"Map of {kind}",
        [f"project@{kind}", f"cluster@{method}"],
        [
            Chart(
                f"{number(projection['point'].nunique())} {kind} by their {embedding} vectors, "
                f"coloured by {coloured} ({method}): {methods[0]} keeps neighbours together best, "
                f"PCA keeps {percent(projected.pca_explained_variance)} of the variance; hover to "
                "name a point and light up its cluster.",
                cluster_map(rows[columns], kind, methods, f"Map of {kind}, coloured by cluster."),
            ),
            _largest(kind, clusters),
        ],
    )


def _largest(kind: str, clusters: pd.DataFrame) -> Table:
    largest = clusters.sort_values("size", ascending=False, kind="stable").head(CLUSTERS_LISTED)
    columns = {
        "cluster": largest["central_words"].map(", ".join),
        kind: largest["size"].map(lambda size: number(int(size))),
        "distinctive words": largest["distinctive_words"].map(", ".join),
    }
    if kind != "words":  # central words are the name
        columns[f"central {kind}"] = largest["central_points"].map(", ".join)
    if largest["labels"].map(len).any():
        columns["top labels"] = largest["labels"].map(
            lambda labels: ", ".join(f"{own['label']} ({number(own['count'])})" for own in labels)
        )
    return Table(
        f"The {len(largest)} largest of {len(clusters)} clusters, named by the words nearest to "
        "their centres; distinctive words set a cluster apart from the others.",
        list(columns),
        pd.DataFrame(columns).to_numpy().tolist(),
    )
