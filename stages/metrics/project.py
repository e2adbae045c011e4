"""The metrics of `project`."""

from stages.core.metrics import Metrics


class KeptMetrics(Metrics):
    """How far a plane keeps neighbourhoods.

    Attributes:
        trustworthiness: how far neighbours on the plane are neighbours among the vectors, 0 to 1.
        trustworthiness_interval: its 95 % interval (bootstrap over points).
        continuity: how far neighbours among the vectors are neighbours on the plane, 0 to 1.
        continuity_interval: its 95 % interval.
        behind_best_interval: 95 % interval of how much less trustworthy it is than the most
            trustworthy plane, on the same points.
    """

    trustworthiness: float
    trustworthiness_interval: tuple[float, float]
    continuity: float
    continuity_interval: tuple[float, float]
    behind_best_interval: tuple[float, float]


class CircleMetrics(Metrics):
    """The singular value decomposition that turns a circle of points into an ellipse.

    Attributes:
        dimensions: numbers of the two dimensions of the vectors, from 1.
        angle_degrees: angle of the first principal axis from the first dimension.
        singular_values: singular values of the centred points in these dimensions.
    """

    dimensions: tuple[int, int]
    angle_degrees: float
    singular_values: tuple[float, float]


class ProjectMetrics(Metrics):
    """What the projections onto the plane keep.

    Attributes:
        points: number of projected points.
        dropped: number of points left out, by reason.
        lowered: parameters of methods that were too large for so few points, and what was used,
            by method.
        pca_explained_variance: share of the variance that the first two components explain.
        scored_points: number of points that the scores compare.
        neighbours: number of neighbours of a point that the scores compare.
        kept: scores by method, and those of `random`, the plane of two random directions.
        circle: the singular value decomposition of two dimensions.
    """

    points: int
    dropped: dict[str, int]
    lowered: dict[str, dict[str, float]]
    pca_explained_variance: float
    scored_points: int
    neighbours: int
    kept: dict[str, KeptMetrics]
    circle: CircleMetrics
