"""Charts of classifiers: decision trees and decision regions."""

from typing import Any

import altair as alt
import pandas as pd

from stages.report.page.charts import COLOURS
from stages.report.page.content import number

ROW_HEIGHT = 24
# Pixels by which a question is indented.
INDENT = 22


def outline(nodes: pd.DataFrame) -> pd.DataFrame:
    """Return a decision tree as indented rows: columns row, level, above and text.

    Args:
        nodes: table `tree`.

    Returns:
        A row for each node, below its parent, whose row is `above` (missing for the root).
    """
    children = {
        parent: own.sort_values("contains", ascending=False, kind="stable")
        for parent, own in nodes.dropna(subset="parent").groupby("parent")
    }
    rows: list[tuple[int, int, int | None, str]] = []

    def place(node: Any, level: int, above: int | None) -> None:
        answer = "" if above is None else ("yes: " if node.contains else "no: ")
        if node.node in children:
            text = f"{answer}{node.word} above {node.threshold:.2f}?"
        else:
            text = f"{answer}{node.label} ({number(int(node.documents))}, {node.share:.0%})"
        row = len(rows)
        rows.append((row, level, above, text))
        if node.node in children:
            for child in children[node.node].itertuples():
                place(child, level + 1, row)

    place(next(nodes[nodes["parent"].isna()].itertuples()), 0, None)
    return pd.DataFrame(rows, columns=["row", "level", "above", "text"])


def decision_tree(nodes: pd.DataFrame, name: str, description: str) -> dict[str, Any]:
    """Return the questions of a decision tree, indented below each other.

    Args:
        nodes: table `tree`.
        name: name of the classifier, for the data set.
        description: text for screen readers.
    """
    rows = outline(nodes)
    rows = rows.assign(
        x=rows["level"] * INDENT,
        bend=(rows["level"] - 1) * INDENT + 6,
        above=rows["above"] + 0.4,  # the line starts below the text
    )
    height = ROW_HEIGHT * len(rows)
    up = alt.Y("row:Q", axis=None, scale=alt.Scale(domain=[-0.5, len(rows) - 0.5], reverse=True))
    right = alt.Scale(domain=[0, 400], range=[0, 400])  # pixels, because text has no other width
    base = alt.Chart(alt.Data(values=[], name=f"tree_{name}"))
    joined = base.transform_filter("datum.above !== null")
    upright = joined.mark_rule(color=COLOURS[0]).encode(
        x=alt.X("bend:Q", axis=None, scale=right), y=alt.Y("above:Q", axis=None), y2="row:Q"
    )
    across = joined.mark_rule(color=COLOURS[0]).encode(
        x=alt.X("bend:Q", axis=None, scale=right), x2="x:Q", y=up
    )
    texts = base.mark_text(align="left", baseline="middle", dx=3, fontSize=12).encode(
        x=alt.X("x:Q", axis=None, scale=right), y=up, text="text:N"
    )
    specification = (
        (upright + across + texts)
        .properties(width="container", height=height, description=description)
        .configure(font="system-ui, sans-serif", background="transparent")
        .configure_view(stroke=None)
        .to_dict()
    )
    records = rows.astype({"above": object}).where(rows["above"].notna(), None)
    specification["data"]["values"] = rows.assign(above=records["above"]).to_dict("records")
    return specification


def strips(regions: pd.DataFrame) -> pd.DataFrame:
    """Return a grid of labels as strips of equal labels: columns learner, label, x, x2, y and y2.

    Args:
        regions: table of that name: a square grid for each classifier.
    """
    width = _step(regions["x"])
    height = _step(regions["y"])
    cells = regions.sort_values(["learner", "y", "x"], kind="stable")
    before = cells[["learner", "y", "label"]].shift()
    number_of = (cells[["learner", "y", "label"]] != before).any(axis=1).cumsum()
    merged = cells.groupby(number_of, sort=False).agg(
        learner=("learner", "first"),
        label=("label", "first"),
        first=("x", "min"),
        last=("x", "max"),
        y=("y", "first"),
    )
    return pd.DataFrame(
        {
            "learner": merged["learner"],
            "label": merged["label"],
            "x": merged["first"] - width / 2,
            "x2": merged["last"] + width / 2,
            "y": merged["y"] - height / 2,
            "y2": merged["y"] + height / 2,
        }
    ).reset_index(drop=True)


def _step(values: pd.Series) -> float:
    different = sorted(values.unique())
    return (different[-1] - different[0]) / max(len(different) - 1, 1)


def regions_of(
    regions: pd.DataFrame, plane: pd.DataFrame, labels: list[str], description: str
) -> dict[str, Any]:
    """Return the decision regions of each classifier as small charts, with documents.

    Args:
        regions: table of that name.
        plane: documents on the plane, columns point, x, y and label.
        labels: labels in the order of their colours.
        description: text for screen readers.
    """
    learners = regions["learner"].drop_duplicates().tolist()
    areas = strips(regions).round(4).assign(kind="region")
    documents = pd.concat(
        plane.round(4).assign(learner=learner, kind="document") for learner in learners
    )
    colour = alt.Color(
        "label:N",
        title=None,
        sort=labels,
        scale=alt.Scale(domain=labels, range=COLOURS),
        legend=alt.Legend(orient="bottom", columns=1, labelLimit=300, symbolOpacity=1),
    )
    axis = {"axis": None, "scale": alt.Scale(zero=False, nice=False)}
    base = alt.Chart()
    right, up = alt.X("x:Q", **axis), alt.Y("y:Q", **axis)
    filled = (
        base.transform_filter("datum.kind === 'region'")
        .mark_rect(opacity=0.35)
        .encode(x=right, x2="x2:Q", y=up, y2="y2:Q", color=colour)
    )
    dots = (
        base.transform_filter("datum.kind === 'document'")
        .mark_circle(size=10, opacity=0.9)
        .encode(x=right, y=up, color=colour, tooltip=["point:N", "label:N"])
    )
    chart = (
        alt.layer(filled, dots, data=alt.Data(values=[], name="regions"))
        .properties(width=150, height=150)
        .facet(facet=alt.Facet("learner:N", title=None, sort=learners), columns=2)
        .properties(description=description)
        .configure(font="system-ui, sans-serif", background="transparent")
        .configure_view(stroke="#e3e6ea")
    )
    specification = chart.to_dict()
    specification["data"]["values"] = [*areas.to_dict("records"), *documents.to_dict("records")]
    return specification
