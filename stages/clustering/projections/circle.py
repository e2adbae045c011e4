"""The singular value decomposition, shown as what it does to a circle of points."""

from typing import NamedTuple

import numpy as np

from stages.clustering.projections.methods import oriented
from stages.metrics.project import CircleMetrics

# Evenly spaced directions, each of which gives the circle a point.
DIRECTIONS = 36
# The two dimensions of the circle are chosen among those of largest variance, so many.
CANDIDATE_DIMENSIONS = 50


def decompose(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the singular value decomposition of points in two dimensions: axes and lengths.

    Args:
        plane: centred points, (points, 2).

    Returns:
        The rotation, (2, 2), whose rows are the principal axes, the first with its larger
        coordinate positive; and the singular values, the larger first.
    """
    _, lengths, axes = np.linalg.svd(plane, full_matrices=False)
    axes = oriented(axes.T).T
    if np.linalg.det(axes) < 0:  # a reflection
        axes[1] *= -1
    return axes, lengths


class Circle(NamedTuple):
    """A circle of points, and where the steps of a decomposition move them.

    Attributes:
        points: rows of the points in the data, (n,).
        steps: positions by step, each (n, 2).
        metrics: what the decomposition consists of.
    """

    points: np.ndarray
    steps: dict[str, np.ndarray]
    metrics: CircleMetrics


def circle(vectors: np.ndarray) -> Circle:
    """Return points on a circle, and where rotation, stretching and rotation move them.

    The points are those of the data in the two dimensions that vary most together, one near each
    of evenly spaced directions, moved to the unit circle. With the singular value decomposition
    U S V' of all points in these dimensions, the matrix V S V' turns the circle into the ellipse
    of the points' covariance: V' rotates the principal axes to the coordinate axes, S stretches,
    V rotates back. S is divided by its mean, because circle and ellipse are then of similar size.

    Args:
        vectors: vectors of the points, (points, dimensions); not all are equal.
    """
    centred = vectors - vectors.mean(axis=0)
    varied = np.argsort(-centred.var(axis=0), kind="stable")[:CANDIDATE_DIMENSIONS]
    first, second = np.triu_indices(len(varied), k=1)
    covariances = centred[:, varied].T @ centred[:, varied]
    most = np.argmax(np.abs(covariances[first, second]))
    dimensions = varied[[first[most], second[most]]]
    plane = centred[:, dimensions]
    axes, lengths = decompose(plane)

    norms = np.linalg.norm(plane, axis=1)
    off_centre = np.flatnonzero(norms > 0)
    unit = plane[off_centre] / norms[off_centre, None]
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    nearest = np.argmax(np.column_stack([np.cos(angles), np.sin(angles)]) @ unit.T, axis=1)
    chosen = np.array(list(dict.fromkeys(nearest.tolist())))  # each once, in order of direction
    rotated = unit[chosen] @ axes.T
    stretched = rotated * (lengths / lengths.mean())
    return Circle(
        off_centre[chosen],
        {
            "circle": unit[chosen],
            "rotated": rotated,
            "stretched": stretched,
            "rotated back": stretched @ axes,
        },
        CircleMetrics(
            dimensions=(int(dimensions[0]) + 1, int(dimensions[1]) + 1),
            angle_degrees=float(np.degrees(np.arctan2(axes[0, 1], axes[0, 0]))),
            singular_values=(float(lengths[0]), float(lengths[1])),
        ),
    )
