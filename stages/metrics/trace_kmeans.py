"""The metrics of `trace_kmeans`."""

from stages.core.metrics import Metrics


class StartMetrics(Metrics):
    """Where k-means ends from several starts of one kind.

    Attributes:
        runs: number of starts.
        lowest: lowest final objective.
        median: median of the final objectives.
        highest: highest final objective.
        reached_lowest: number of runs that end at the lowest objective of all runs of all kinds.
        mean_steps: mean number of steps.
    """

    runs: int
    lowest: float
    median: float
    highest: float
    reached_lowest: int
    mean_steps: float


class TraceKmeansMetrics(Metrics):
    """k-means on the plane, and how its start changes its end.

    Attributes:
        points: number of points.
        clusters: number of clusters.
        steps: number of steps of the traced run, each an expectation and a maximization.
        first_objective: objective of the traced run after its first expectation.
        last_objective: objective of the traced run at its end.
        random: runs from random starts, of which the first is traced.
        plus_plus: runs from starts by k-means++.
        random_above_plus_plus: share by which the mean final objective of random starts is above
            that of k-means++.
        random_above_plus_plus_interval: its 95 % interval (bootstrap over the runs).
    """

    points: int
    clusters: int
    steps: int
    first_objective: float
    last_objective: float
    random: StartMetrics
    plus_plus: StartMetrics
    random_above_plus_plus: float
    random_above_plus_plus_interval: tuple[float, float]
