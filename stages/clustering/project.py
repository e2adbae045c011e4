"""Project points onto the plane by PCA and t-SNE."""

import numpy as np
import pyarrow as pa
from pydantic import Field
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from stages.clustering.contracts import PROJECTION
from stages.clustering.points import read
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.metrics.project import ProjectMetrics


class ProjectParams(Params):
    """The section `clustering.project`."""

    points: int = Field(ge=2)
    perplexity: float = Field(gt=0)
    seed: int


@command
def main(
    *, params: ProjectParams, points: Input, projection: Table[PROJECTION], metrics: Output
) -> None:
    """Project points onto the plane by PCA and t-SNE."""
    loaded = read(points)
    shown = np.arange(len(loaded.names))
    if len(shown) > params.points:
        draw = np.random.default_rng(params.seed)
        shown = np.sort(draw.choice(shown, params.points, replace=False))
    if len(shown) <= params.perplexity:
        raise StageError(
            f"{points} has {len(shown)} points, too few for a perplexity of "
            f"{params.perplexity}: lower {params.section}.perplexity or bring more text"
        )
    vectors = loaded.vectors[shown]
    pca = PCA(2, svd_solver="full").fit(vectors)
    tsne = TSNE(2, perplexity=params.perplexity, init="pca", random_state=params.seed, n_jobs=1)
    planes = {"pca": pca.transform(vectors), "tsne": tsne.fit_transform(vectors)}
    names = [loaded.names[row] for row in shown]
    columns = [
        names * len(planes),
        np.repeat(list(planes), len(names)).tolist(),
        *np.concatenate(list(planes.values())).astype(np.float64).T,
    ]
    projection.write(pa.table(columns, schema=projection.schema))
    metrics.write_json(
        ProjectMetrics(
            points=len(names),
            pca_explained_variance=pca.explained_variance_ratio_.sum(),
            tsne_divergence=tsne.kl_divergence_,
        )
    )
