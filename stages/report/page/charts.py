"""Charts as Vega-Lite specifications.

Data sets have names of ours, because Altair would number them: equal inputs give equal bytes.
"""

from typing import Any

import altair as alt
import pandas as pd

from stages.report.page.content import COLOURS

alt.data_transformers.disable_max_rows()

HEIGHT = 320


def drawn(
    chart: alt.Chart | alt.LayerChart, rows: pd.DataFrame, description: str
) -> dict[str, Any]:
    """Return a chart's specification, as wide as the page, with a text for screen readers.

    The chart has an empty data set, into which the rows go: Altair would check each value of each
    of them, which takes seconds.
    """
    specification = (
        chart.properties(width="container", height=HEIGHT, description=description)
        .configure(font="system-ui, sans-serif", background="transparent")
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=12, titleFontSize=12, gridColor="#e3e6ea")
        .configure_legend(labelFontSize=12, titleFontSize=12, orient="top", symbolType="stroke")
        .to_dict()
    )
    specification["data"]["values"] = rows.to_dict("records")
    return specification


def curves(
    rows: pd.DataFrame, x: str, y: str, description: str, logarithmic: bool = False
) -> dict[str, Any]:
    """Return a line of `y` over the integers `x` for each `series`.

    Args:
        rows: columns `x`, `y` and series.
        x: column of the horizontal axis.
        y: column of the vertical axis.
        description: text for screen readers.
        logarithmic: whether the vertical axis is logarithmic.
    """
    steps = sorted(rows[x].unique().tolist())
    few = len(steps) <= 20
    axis = alt.Axis(values=steps, format="d") if few else alt.Axis(format="d")
    # A logarithmic axis has few labels, such as 1e-20.
    upwards = alt.Axis(format=".0e", tickCount=6) if logarithmic else alt.Axis()
    scale = alt.Scale(type="log") if logarithmic else alt.Scale(zero=False)
    chart = alt.Chart(alt.Data(values=[], name="curves"))
    marks = chart.mark_line(point=few).encode(
        x=alt.X(x, type="quantitative", title=x, axis=axis, scale=alt.Scale(nice=False)),
        y=alt.Y(y, type="quantitative", title=y, scale=scale, axis=upwards),
        color=alt.Color("series:N", sort=None, title=None, scale=alt.Scale(range=COLOURS)),
        tooltip=["series:N", f"{x}:Q", alt.Tooltip(f"{y}:Q", format=".4g")],
    )
    return drawn(marks, rows, description)


def fitted(
    rows: pd.DataFrame, x: str, y: str, titles: tuple[str, str], description: str
) -> dict[str, Any]:
    """Return points of `y` over `x` on logarithmic axes, and the fitted line, dashed.

    Args:
        rows: columns `x`, `y`, `fit` and optionally token, the name of a point.
        x: column of the horizontal axis.
        y: column of the vertical axis.
        titles: titles of the horizontal and the vertical axis.
        description: text for screen readers.
    """
    right = alt.X(f"{x}:Q", scale=alt.Scale(type="log", nice=False), title=titles[0])
    base = alt.Chart(alt.Data(values=[], name=f"{x}_{y}"))
    tooltip = [alt.Tooltip(f"{name}:N" if name == "token" else f"{name}:Q")
               for name in ("token", x, y) if name in rows]  # fmt: skip
    points = base.mark_line(point=True, color=COLOURS[0], clip=True).encode(
        x=right, y=alt.Y(f"{y}:Q", scale=alt.Scale(type="log"), title=titles[1]), tooltip=tooltip
    )
    line = base.mark_line(strokeDash=[6, 4], color=COLOURS[1], clip=True).encode(
        x=right, y=alt.Y("fit:Q")
    )
    return drawn(points + line, rows, description)


def fitted_line(
    rows: pd.DataFrame, x: str, y: str, titles: tuple[str, str], description: str
) -> dict[str, Any]:
    """Return points of `y` over `x`, and the line on which both are equal, dashed.

    Args:
        rows: columns `x`, `y`, and the names of a point: token and neighbour.
        x: column of the horizontal axis.
        y: column of the vertical axis.
        titles: titles of the horizontal and the vertical axis.
        description: text for screen readers.
    """
    base = alt.Chart(alt.Data(values=[], name=f"{x}_{y}"))
    points = base.mark_circle(size=22, opacity=0.4, color=COLOURS[0]).encode(
        x=alt.X(f"{x}:Q", title=titles[0]),
        y=alt.Y(f"{y}:Q", title=titles[1]),
        tooltip=["token:N", "neighbour:N", *(alt.Tooltip(f"{c}:Q", format=".2f") for c in (x, y))],
    )
    line = base.mark_line(strokeDash=[6, 4], color=COLOURS[1]).encode(x=f"{x}:Q", y=f"{x}:Q")
    return drawn(points + line, rows, description)


def spectrum(rows: pd.DataFrame, description: str) -> dict[str, Any]:
    """Return bars of the column `singular value` over `axis`."""
    chart = alt.Chart(alt.Data(values=[], name="spectrum"))
    marks = chart.mark_bar(color=COLOURS[0]).encode(
        x=alt.X("axis:Q", title="axis", scale=alt.Scale(nice=False)),
        y=alt.Y("singular value:Q"),
        tooltip=["axis:Q", alt.Tooltip("singular value:Q", format=".4g")],
    )
    return drawn(marks, rows, description)


def histogram(
    rows: pd.DataFrame, title: str, of: str, description: str, logarithmic: bool = False
) -> dict[str, Any]:
    """Return bars from `left` to `right` with the height `count`.

    Args:
        rows: columns left, right and count.
        title: title of the horizontal axis.
        of: what is counted.
        description: text for screen readers.
        logarithmic: whether the horizontal axis is logarithmic.
    """
    # A logarithmic axis has no zero to leave out.
    zero = alt.Undefined if logarithmic else False
    scale = alt.Scale(type="log" if logarithmic else "linear", nice=False, zero=zero)
    chart = alt.Chart(alt.Data(values=[], name="bins"))
    marks = chart.mark_bar(color=COLOURS[0], stroke="white", strokeWidth=0.5).encode(
        x=alt.X("left:Q", scale=scale, title=title),
        x2="right:Q",
        y=alt.Y("count:Q", title=of),
        y2=alt.datum(0),
        tooltip=["left:Q", "right:Q", "count:Q"],
    )
    return drawn(marks, rows, description)


def counted(rows: pd.DataFrame, name: str, of: str, description: str) -> dict[str, Any]:
    """Return bars of the numbers `count` of each `value`, in the order of the rows."""
    marks = (
        alt.Chart(alt.Data(values=[], name="counts"))
        .mark_bar(color=COLOURS[0])
        .encode(
            x=alt.X("value:N", sort=None, title=name),
            y=alt.Y("count:Q", title=of),
            tooltip=["value:N", "count:Q"],
        )
    )
    return drawn(marks, rows, description)


def spanned(rows: pd.DataFrame, title: str, description: str) -> dict[str, Any]:
    """Return for each `part` a bar from `low` to `high` with a tick at `middle`."""
    base = alt.Chart(alt.Data(values=[], name="ranges")).encode(
        x=alt.X("part:N", sort=None, title=None),
        tooltip=["part:N", "low:Q", "middle:Q", "high:Q", "notes:Q"],
    )
    bars = base.mark_bar(color=COLOURS[4], width=28).encode(
        y=alt.Y("low:Q", title=title, scale=alt.Scale(zero=False)), y2="high:Q"
    )
    ticks = base.mark_tick(color=COLOURS[1], thickness=3, width=28).encode(y="middle:Q")
    return drawn(bars + ticks, rows, description)


def matrix(rows: pd.DataFrame, description: str) -> dict[str, Any]:
    """Return a confusion matrix, darker for a higher `count`: `truth` by `prediction`."""
    chart = alt.Chart(alt.Data(values=[], name="confusion"))
    marks = chart.mark_rect().encode(
        x=alt.X("prediction:N", title="prediction", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("truth:N", title="label"),
        color=alt.Color("count:Q", title=None, scale=alt.Scale(scheme="blues", type="sqrt")),
        tooltip=["truth:N", "prediction:N", "count:Q"],
    )
    return drawn(marks, rows, description)


def cluster_map(
    points: pd.DataFrame, name: str, methods: list[str], description: str
) -> dict[str, Any]:
    """Return a map of clusters: hovering over a point names it and lights up its cluster.

    Args:
        points: columns point, method, x, y, cluster, name and, where points have labels, label.
        name: name of the map, used in the names of its parameters.
        methods: methods to choose from; the first is chosen at the start.
        description: text for screen readers.
    """
    buttons = alt.binding_radio(options=methods, name="projection ")
    method = alt.param(name=f"method_{name}", value=methods[0], bind=buttons)
    colours = ["cluster", "label"] if "label" in points else ["cluster"]
    # A single button would be idle.
    choice = (
        alt.binding_radio(options=colours, name="colour ") if len(colours) > 1 else alt.Undefined
    )
    colour = alt.param(name=f"colour_{name}", value=colours[0], bind=choice)
    hovered = alt.selection_point(
        name=f"hovered_{name}",
        fields=["group"],
        on="pointerover",
        empty=False,
        clear="pointerout",
    )
    tooltip = [alt.Tooltip("point:N"), alt.Tooltip("name:N", title="cluster")]
    if "label" in points:
        tooltip.append(alt.Tooltip("label:N"))
    axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    scale = alt.Scale(zero=False)
    chart = (
        alt.Chart(alt.Data(values=[], name=f"points_{name}"))
        .transform_filter(f"datum.method === method_{name}")
        .transform_calculate(group=f"colour_{name} === 'cluster' ? datum.cluster : datum.label")
        .mark_circle(size=45)
        .encode(
            x=alt.X("x:Q", axis=axis, scale=scale),
            y=alt.Y("y:Q", axis=axis, scale=scale),
            color=alt.Color("group:N", legend=None, scale=alt.Scale(scheme="tableau20")),
            opacity=alt.condition(hovered, alt.value(1), alt.value(0.45)),
            size=alt.condition(hovered, alt.value(90), alt.value(40)),
            tooltip=tooltip,
        )
        .add_params(method, colour, hovered)
    )
    return drawn(chart, points, description) | {"height": 460}


def word_map(points: pd.DataFrame, models: list[str], description: str) -> dict[str, Any]:
    """Return a map of words with a choice of models.

    Args:
        points: columns model, token, label (the word, or empty), x and y.
        models: models to choose from; the first is chosen at the start.
        description: text for screen readers.
    """
    choice = alt.binding_select(options=models, name="model ")
    shown = alt.param(name="model_of_map", value=models[0], bind=choice)
    axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    base = (
        alt.Chart(alt.Data(values=[], name="map"))
        .transform_filter("datum.model === model_of_map")
        .encode(
            x=alt.X("x:Q", axis=axis, scale=alt.Scale(domain=[-1.05, 1.05])),
            y=alt.Y("y:Q", axis=axis, scale=alt.Scale(domain=[-1.05, 1.05])),
        )
    )
    dots = base.mark_circle(size=45, opacity=0.6, color=COLOURS[0]).encode(tooltip=["token:N"])
    names = base.mark_text(fontSize=11, dy=-8).encode(text="label:N")
    return drawn((dots + names).add_params(shown), points, description) | {"height": 460}


def piano_roll(notes: pd.DataFrame, bars: list[float], description: str) -> dict[str, Any]:
    """Return notes as rectangles: pitch over time, a colour for each part.

    Args:
        notes: columns part, onset_beats, duration_beats and pitch_midi.
        bars: where bars begin, in quarter notes: each has a line.
        description: text for screen readers.
    """
    rows = notes.assign(
        end_beats=notes["onset_beats"] + notes["duration_beats"],
        below=notes["pitch_midi"] - 0.42,
        above=notes["pitch_midi"] + 0.42,
    )
    rows["part"] = "part " + rows["part"].astype(str)
    parts = [f"part {part}" for part in sorted(set(notes["part"]))]
    chart = alt.Chart(alt.Data(values=[], name="notes"))
    marks = chart.mark_rect(stroke="white", strokeWidth=0.5).encode(
        x=alt.X("onset_beats:Q", title="quarter notes", axis=alt.Axis(values=bars)),
        x2="end_beats:Q",
        y=alt.Y("below:Q", title="pitch (MIDI)", scale=alt.Scale(zero=False)),
        y2="above:Q",
        color=alt.Color("part:N", sort=parts, title=None, scale=alt.Scale(range=COLOURS)),
        tooltip=["part:N", "pitch_midi:Q", "onset_beats:Q", "duration_beats:Q"],
    )
    specification = drawn(marks, rows, description)
    specification["config"]["legend"]["symbolType"] = "square"
    return specification
