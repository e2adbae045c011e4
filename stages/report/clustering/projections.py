"""What the page says of the projections onto the plane."""

from typing import Any

import altair as alt
import pandas as pd

from stages.metrics.project import KeptMetrics, ProjectMetrics
from stages.report.page.charts import COLOURS, curves
from stages.report.page.content import Chart, Section, Table, Text, number

STAGE = "project"
NAMES = {
    "tsne": "t-SNE",
    "kernel_pca": "kernel PCA",
    "lle": "LLE",
    "pca": "PCA",
    "random": "two random directions",
}
# The name of a step of the decomposition, as the page shows it.
STEPS = {
    "circle": "1 a circle",
    "rotated": "2 rotated",
    "stretched": "3 stretched",
    "rotated back": "4 rotated back",
}
Tables = dict[str, pd.DataFrame]


def methods_of(projected: ProjectMetrics) -> list[str]:
    """Return the names of the methods of a map, the most trustworthy first."""
    kept = {method: own for method, own in projected.kept.items() if method != "random"}
    order = sorted(kept, key=lambda method: -kept[method].trustworthiness)
    return [NAMES[method] for method in order]


def projections(
    projected: dict[str, ProjectMetrics], explained_variance: Tables, circle_steps: Tables
) -> Section:
    """Return the section about the projections.

    Args:
        projected: metrics of `project` by what is projected.
        explained_variance: table of that name by what is projected.
        circle_steps: table of that name by what is projected.
    """
    first = next(iter(projected))
    return Section(
        "Projections",
        [f"{STAGE}@{kind}" for kind in projected],
        [
            *(Text(_verdict(kind, own)) for kind, own in projected.items()),
            *(_scores(kind, own) for kind, own in projected.items()),
            _variance(explained_variance),
            _circle(first, circle_steps[first], projected[first]),
        ],
    )


def _verdict(kind: str, projected: ProjectMetrics) -> str:
    """Return which method keeps the neighbourhoods of points best, and what was lowered."""
    best, *others = methods_of(projected)
    kept = {NAMES[method]: own for method, own in projected.kept.items()}
    tied = [method for method in others if kept[method].behind_best_interval[0] <= 0]
    baseline = kept[NAMES["random"]]
    sentence = f"Of {kind}, {best} keeps the neighbourhoods best"
    if tied:
        sentence += f", and {' and '.join(tied)} cannot be told apart from it"
    if baseline.behind_best_interval[0] <= 0:
        sentence += ", but it is not better than two random directions"
    beaten = [
        method for method in others if kept[method].trustworthiness <= baseline.trustworthiness
    ]
    if beaten:
        sentence += f"; two random directions beat {' and '.join(beaten)}"
    sentence += "."
    for method, values in projected.lowered.items():
        for parameter, value in values.items():
            sentence += (
                f" The {parameter} of {NAMES[method]} was lowered to {number(value, 1)}, because "
                f"there are only {number(projected.points)} {kind}."
            )
    left_out = projected.dropped["not_sampled"]
    if left_out:
        sentence += f" {number(left_out)} {kind} are not on the map."
    return sentence


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    return f"{number(value)} [{number(interval[0])}, {number(interval[1])}]"


def _scores(kind: str, projected: ProjectMetrics) -> Table:
    names = {name: method for method, name in NAMES.items()}
    order = [names[name] for name in methods_of(projected)]

    def row(method: str, own: KeptMetrics) -> list[str]:
        return [
            NAMES[method],
            _with_interval(own.trustworthiness, own.trustworthiness_interval),
            _with_interval(own.continuity, own.continuity_interval),
        ]

    return Table(
        f"Of {number(projected.scored_points)} {kind}, how far the {projected.neighbours} nearest "
        "on the map are near among the vectors (trustworthiness) and the nearest among the vectors "
        "are near on the map (continuity), 1 at most, with 95 % intervals over the points.",
        ["method", "trustworthiness", "continuity"],
        [row(method, projected.kept[method]) for method in [*order, "random"]],
    )


def _variance(explained_variance: Tables) -> Chart:
    parts, told = [], []
    for kind, table in explained_variance.items():
        summed = table["share"].cumsum()
        parts.append(
            pd.DataFrame(
                {
                    "components": table["component"],
                    "explained variance": summed.round(4),
                    "series": kind,
                }
            )
        )
        half = int((summed < 0.5).sum()) + 1
        reached = f"{half} components" if half <= len(summed) else f"more than {len(summed)}"
        told.append(f"{reached} explain half of the variance of {kind}")
    return Chart(
        f"Share of the variance that the first principal components explain together: "
        f"{', '.join(told)}.",
        curves(
            pd.concat(parts, ignore_index=True),
            "components",
            "explained variance",
            "Share of the variance explained by the first principal components.",
        ),
    )


def _circle(kind: str, steps: pd.DataFrame, projected: ProjectMetrics) -> Chart:
    own = projected.circle
    larger, smaller = own.singular_values
    first, second = own.dimensions
    by_angle = steps.assign(
        order=steps.groupby("step").cumcount(),
        step=steps["step"].map(STEPS),
        x=steps["x"].round(3),
        y=steps["y"].round(3),
    )
    # The line returns to its first point.
    end = by_angle["order"].max() + 1
    closed = pd.concat([by_angle, by_angle[by_angle["order"] == 0].assign(order=end)])
    return Chart(
        f"The singular value decomposition of dimensions {first} and {second} of the vectors: "
        f"{by_angle['point'].nunique()} {kind} on a circle are rotated by "
        f"{number(-own.angle_degrees, 0)} degrees, stretched in the ratio of the singular values "
        f"{number(larger, 1)} and {number(smaller, 1)}, and rotated back to the ellipse in which "
        f"the {kind} lie.",
        rotate_stretch_rotate(
            closed,
            "A circle of points that is rotated, stretched and rotated back to an ellipse.",
        ),
    )


def rotate_stretch_rotate(rows: pd.DataFrame, description: str) -> dict[str, Any]:
    """Return a small chart for each step of the decomposition of a circle of points.

    Args:
        rows: columns step, point, order (that of the points along the circle), x and y.
        description: text for screen readers.
    """
    limit = float(rows[["x", "y"]].abs().max().max()) * 1.1
    scale = alt.Scale(domain=[-limit, limit], nice=False)
    axis = alt.Axis(values=[0], labels=False, ticks=False, domain=False, title=None)
    base = alt.Chart().encode(
        x=alt.X("x:Q", axis=axis, scale=scale), y=alt.Y("y:Q", axis=axis, scale=scale)
    )
    outline = base.mark_line(color=COLOURS[0], strokeWidth=1).encode(order="order:Q")
    dots = base.mark_circle(size=30, opacity=1).encode(
        # The same colour for the same point at each step shows how the circle turns.
        color=alt.Color("order:Q", legend=None, scale=alt.Scale(scheme="rainbow")),
        tooltip=["point:N"],
    )
    chart = (
        alt.layer(outline, dots, data=alt.Data(values=[], name="circle"))
        .properties(width=150, height=150)
        .facet(facet=alt.Facet("step:N", title=None), columns=2)
        .properties(description=description)
        .configure(font="system-ui, sans-serif", background="transparent")
        .configure_view(stroke="#e3e6ea")
    )
    specification = chart.to_dict()
    specification["data"]["values"] = rows.to_dict("records")
    return specification
