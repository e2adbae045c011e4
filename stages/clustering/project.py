"""Project points to the plane, by PCA and by t-SNE."""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import Field
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from stages.clustering.contracts import PROJECTION
from stages.clustering.points import read
from stages.errors import StageError
from stages.outputs import Outputs
from stages.params import Params, load


class ProjectParams(Params):
    """The section `clustering.project`."""

    points: int = Field(ge=2)
    perplexity: float = Field(gt=0)
    seed: int


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, project, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", type=Path)
    parser.add_argument("projection", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, ProjectParams)

    points = read(args.points)
    shown = np.arange(len(points.names))
    if len(shown) > params.points:
        draw = np.random.default_rng(params.seed)
        shown = np.sort(draw.choice(shown, params.points, replace=False))
    if len(shown) <= params.perplexity:
        raise StageError(
            f"{args.points} has {len(shown)} points, too few for a perplexity of "
            f"{params.perplexity}: lower {args.params}.perplexity or bring more text"
        )
    vectors = points.vectors[shown]
    pca = PCA(2, svd_solver="full").fit(vectors)
    tsne = TSNE(2, perplexity=params.perplexity, init="pca", random_state=params.seed, n_jobs=1)
    planes = {"pca": pca.transform(vectors), "tsne": tsne.fit_transform(vectors)}
    names = [points.names[row] for row in shown]
    columns = [
        names * len(planes),
        np.repeat(list(planes), len(names)).tolist(),
        *np.concatenate(list(planes.values())).astype(np.float64).T,
    ]
    with Outputs(args.validation) as outputs:
        outputs.table(args.projection, PROJECTION, pa.table(columns, schema=PROJECTION.schema))
        outputs.json(
            args.metrics,
            {
                "points": len(names),
                "pca_explained_variance": float(pca.explained_variance_ratio_.sum()),
                "tsne_divergence": float(tsne.kl_divergence_),
            },
        )
