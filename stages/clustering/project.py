"""Project points onto the plane by several methods, and score the neighbourhoods they keep."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import Field
from sklearn.decomposition import PCA

from stages.clustering.contracts import CIRCLE_STEPS, EXPLAINED_VARIANCE, PROJECTION
from stages.clustering.points import read, sample
from stages.clustering.projections.circle import circle
from stages.clustering.projections.methods import PROJECTIONS, Methods, oriented
from stages.clustering.projections.neighbourhoods import score
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.metrics.project import ProjectMetrics


class ProjectParams(Params):
    """The section `clustering.project`."""

    points: int = Field(ge=3)
    components: int = Field(ge=2)
    neighbours: int = Field(ge=1)
    scored_points: int = Field(ge=3)
    bootstrap_samples: int = Field(ge=1)
    seed: int
    methods: Methods


def checked(vectors: np.ndarray, source: Path) -> np.ndarray:
    """Return vectors in double precision, (points, dimensions).

    Raises:
        StageError: there is nothing to project.
    """
    if len(vectors) < 3:
        raise StageError(
            f"{source} has {len(vectors)} points, and a map needs 3: bring more text, or remove it "
            "from clustering.maps"
        )
    if vectors.shape[1] < 2:
        raise StageError(
            f"{source} has vectors of 1 dimension, and a map needs 2: raise the dimensions of the "
            "embedding"
        )
    if (vectors == vectors[0]).all():
        raise StageError(
            f"{source} has {len(vectors)} equal vectors, which no map tells apart: train the "
            "embedding for more epochs, or bring more text"
        )
    return vectors.astype(np.float64)


@command
def main(
    *,
    params: ProjectParams,
    points: Input,
    projection: Table[PROJECTION],
    explained_variance: Table[EXPLAINED_VARIANCE],
    circle_steps: Table[CIRCLE_STEPS],
    metrics: Output,
) -> None:
    """Project points onto the plane by several methods, and score the neighbourhoods they keep.

    Args:
        circle_steps: points on a circle, and where the singular value decomposition moves them
    """
    methods = {name: own for name, own in params.methods if own}
    if not methods:
        raise StageError(f"params.yaml: {params.section}.methods is empty: name at least one")
    loaded = read(points)
    vectors = checked(loaded.vectors, points)
    shown = sample(len(vectors), params.points, params.seed)
    vectors, names = vectors[shown], [loaded.names[row] for row in shown]
    planes, lowered = {}, {}
    for method, own in methods.items():
        _, project = PROJECTIONS[method]
        positions, too_large = project(vectors, own)
        planes[method] = oriented(positions)
        if too_large:
            lowered[method] = too_large
    columns = [
        names * len(planes),
        np.repeat(list(planes), len(names)).tolist(),
        *np.concatenate(list(planes.values())).T,
    ]
    projection.write(pa.table(columns, schema=projection.schema))

    shares = PCA(svd_solver="full").fit(vectors).explained_variance_ratio_
    listed = shares[: params.components]
    explained_variance.write(
        pa.table([range(1, len(listed) + 1), listed], schema=explained_variance.schema)
    )
    drawn = circle(vectors)
    columns = [
        np.repeat(list(drawn.steps), len(drawn.points)).tolist(),
        [names[row] for row in drawn.points] * len(drawn.steps),
        *np.concatenate(list(drawn.steps.values())).T,
    ]
    circle_steps.write(pa.table(columns, schema=circle_steps.schema))

    scored = sample(len(vectors), params.scored_points, params.seed)
    neighbours = min(params.neighbours, (len(scored) - 1) // 2)
    directions = np.random.default_rng(params.seed).normal(size=(vectors.shape[1], 2))
    compared = {**planes, "random": vectors @ directions}
    metrics.write_json(
        ProjectMetrics(
            points=len(names),
            dropped={"not_sampled": len(loaded.names) - len(names)},
            lowered=lowered,
            pca_explained_variance=shares[:2].sum(),
            scored_points=len(scored),
            neighbours=neighbours,
            kept=score(
                vectors[scored],
                {method: positions[scored] for method, positions in compared.items()},
                neighbours,
                params.bootstrap_samples,
                params.seed,
            ),
            circle=drawn.metrics,
        )
    )
