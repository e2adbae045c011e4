"""What the page says of k-means step by step."""

from typing import Any

import altair as alt
import pandas as pd

from stages.metrics.trace_kmeans import StartMetrics, TraceKmeansMetrics
from stages.report.page.charts import COLOURS, HEIGHT, curves
from stages.report.page.content import Chart, Section, Table, Text, number, percent

STAGE = "trace_kmeans"


def kmeans_steps(
    traced: TraceKmeansMetrics,
    steps: pd.DataFrame,
    points: pd.DataFrame,
    centres: pd.DataFrame,
) -> Section:
    """Return the section about k-means step by step.

    Args:
        traced: metrics of `trace_kmeans`.
        steps: table of that name.
        points: table `step_points`.
        centres: table `step_centres`.
    """
    return Section(
        "k-means step by step",
        [STAGE],
        [
            Text(_verdict(traced)),
            _slider(traced, points, centres),
            _objective(traced, steps),
            _starts(traced),
        ],
    )


def _verdict(traced: TraceKmeansMetrics) -> str:
    """Return whether the start changes the end, and which kind of start ends lower."""
    both = (traced.random, traced.plus_plus)
    if all(own.reached_lowest == own.runs for own in both):
        runs = 2 * traced.random.runs
        return f"The start does not change the end: all {runs} runs reach the lowest objective."
    low, high = traced.random_above_plus_plus_interval
    share = percent(abs(traced.random_above_plus_plus))
    bounds = f"95 % interval {percent(low)} to {percent(high)}"
    if low > 0:
        verdict = f"k-means++ ends lower than random starts by {share} on average ({bounds})"
    elif high < 0:
        verdict = f"random starts end lower than k-means++ by {share} on average ({bounds})"
    else:
        verdict = f"random starts and k-means++ cannot be told apart by their ends ({bounds})"
    reached = " and ".join(
        f"{own.reached_lowest} of {own.runs} {name}"
        for name, own in zip(("random starts", "starts by k-means++"), both, strict=True)
    )
    return f"The start changes the end: {reached} reach the lowest objective; {verdict}."


def _slider(traced: TraceKmeansMetrics, points: pd.DataFrame, centres: pd.DataFrame) -> Chart:
    return Chart(
        f"{number(traced.points)} words on the first two principal components and "
        f"{traced.clusters} centres (crosses): each expectation gives the words to the nearest "
        "centre, each maximization moves the centres to the means of their words; move the slider "
        "to go through the phases.",
        em_slider(
            points,
            centres,
            "Words on the plane and the centres of their clusters at each phase of k-means.",
        ),
    )


def _objective(traced: TraceKmeansMetrics, steps: pd.DataFrame) -> Chart:
    rows = pd.DataFrame(
        {
            "phase": range(1, len(steps) + 1),
            "objective": steps["objective"].round(6),
            "series": "objective",
        }
    )
    return Chart(
        "The objective, the sum of the squared distances to the centres, never rises: "
        f"{number(traced.first_objective)} after the first expectation, "
        f"{number(traced.last_objective)} after {traced.steps} steps of two phases each.",
        curves(rows, "phase", "objective", "Objective of k-means after each phase."),
    )


def _starts(traced: TraceKmeansMetrics) -> Table:
    def row(name: str, own: StartMetrics) -> list[str]:
        return [
            name,
            number(own.runs),
            number(own.lowest),
            number(own.median),
            number(own.highest),
            f"{own.reached_lowest} of {own.runs}",
            number(own.mean_steps, 1),
        ]

    return Table(
        "Final objectives of k-means from random points and from points that k-means++ draws far "
        "apart.",
        ["start", "runs", "lowest", "median", "highest", "reach the lowest", "mean steps"],
        [row("random", traced.random), row("k-means++", traced.plus_plus)],
    )


def em_slider(points: pd.DataFrame, centres: pd.DataFrame, description: str) -> dict[str, Any]:
    """Return points and centres at the phase that a slider chooses.

    Args:
        points: columns step, point, cluster, x and y: clusters after each expectation.
        centres: columns step, cluster, x and y: centres at the start and after each maximization.
        description: text for screen readers.
    """
    last = int(points["step"].max())
    # Phase 1 is the first expectation, phase 2 the first maximization, and so on.
    phase = alt.param(
        name="phase_of_kmeans",
        value=1,
        bind=alt.binding_range(min=1, max=2 * last, step=1, name="phase "),
    )
    axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    colour = alt.Color("cluster:N", legend=None, scale=alt.Scale(range=COLOURS))
    right = alt.X("x:Q", axis=axis, scale=alt.Scale(zero=False))
    up = alt.Y("y:Q", axis=axis, scale=alt.Scale(zero=False))
    dots = (
        alt.Chart(alt.Data(values=[], name="kmeans_points"))
        .transform_filter("datum.step === ceil(phase_of_kmeans / 2)")
        .mark_circle(size=40, opacity=0.6)
        .encode(x=right, y=up, color=colour, tooltip=["point:N"])
    )
    crosses = (
        alt.Chart(alt.Data(values=[], name="kmeans_centres"))
        .transform_filter("datum.step === floor(phase_of_kmeans / 2)")
        .mark_point(shape="cross", size=260, filled=True, opacity=1, stroke="black")
        .encode(x=right, y=up, color=colour)
    )
    told = (
        alt.Chart(alt.Data(values=[{}], name="kmeans_phase"))
        .transform_calculate(
            phase="'Step ' + ceil(phase_of_kmeans / 2) + (phase_of_kmeans % 2 ? ', expectation: "
            "words go to the nearest centre' : ', maximization: centres move to the means')"
        )
        .mark_text(align="left", baseline="top", fontSize=13)
        .encode(text="phase:N", x=alt.value(0), y=alt.value(0))
    )
    specification = (
        (dots + crosses + told)
        .add_params(phase)
        .properties(width="container", height=HEIGHT, description=description)
        .configure(font="system-ui, sans-serif", background="transparent")
        .configure_view(stroke=None)
        .to_dict()
    )
    data = {"kmeans_points": points, "kmeans_centres": centres}
    for layer in specification["layer"]:
        rows = data.get(layer["data"]["name"])
        if rows is not None:
            rounded = rows.assign(x=rows["x"].round(3), y=rows["y"].round(3))
            layer["data"]["values"] = rounded.to_dict("records")
    return specification
