"""Methods of projecting points onto the plane, and their parameters."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from pydantic import Field, create_model
from sklearn.decomposition import PCA, KernelPCA
from sklearn.manifold import LocallyLinearEmbedding

from stages.clustering.points import sample
from stages.core.params import Params


class Plane(NamedTuple):
    """Points on the plane.

    Attributes:
        positions: positions, (points, 2).
        lowered: parameters that were too large for the number of points, and what was used.
    """

    positions: np.ndarray
    lowered: dict[str, float]


class PcaParams(Params):
    """The section `clustering.project.methods.pca`."""


class KernelPcaParams(Params):
    """The section `clustering.project.methods.kernel_pca`."""

    gamma: float = Field(gt=0)
    fitted_points: int = Field(ge=3)
    seed: int


class LleParams(Params):
    """The section `clustering.project.methods.lle`."""

    neighbours: int = Field(ge=2)
    regularization: float = Field(gt=0)
    fitted_points: int = Field(ge=3)
    seed: int


class TsneParams(Params):
    """The section `clustering.project.methods.tsne`."""

    perplexity: float = Field(gt=0)
    seed: int


def pca(vectors: np.ndarray, params: PcaParams) -> Plane:
    """Return the first two principal components."""
    return Plane(PCA(2, svd_solver="full").fit_transform(vectors), {})


def kernel_pca(vectors: np.ndarray, params: KernelPcaParams) -> Plane:
    """Return the first two components in the space of a Gaussian kernel (Schölkopf et al. 1998)."""
    # The dense solver needs no random start, as ARPACK does.
    model = KernelPCA(2, kernel="rbf", gamma=params.gamma, eigen_solver="dense")
    return Plane(_fit_on_a_sample(model, vectors, params), {})


def lle(vectors: np.ndarray, params: LleParams) -> Plane:
    """Return the locally linear embedding (Roweis and Saul 2000)."""
    neighbours = min(params.neighbours, min(len(vectors), params.fitted_points) - 1)
    model = LocallyLinearEmbedding(
        n_neighbors=neighbours, reg=params.regularization, eigen_solver="dense"
    )
    lowered = {"neighbours": neighbours} if neighbours < params.neighbours else {}
    return Plane(_fit_on_a_sample(model, vectors, params), lowered)


def tsne(vectors: np.ndarray, params: TsneParams) -> Plane:
    """Return the t-SNE embedding (van der Maaten and Hinton 2008), as openTSNE computes it."""
    # Imported here: it compiles nothing, but only this method pays for it.
    from openTSNE import TSNE

    # A point has at most n - 1 neighbours, and t-SNE considers three times the perplexity.
    perplexity = min(params.perplexity, (len(vectors) - 1) / 3)
    # Exact neighbours, because the approximate ones of Annoy are no faster for so few points.
    model = TSNE(
        perplexity=perplexity,
        initialization="pca",
        neighbors="exact",
        n_jobs=1,
        random_state=params.seed,
    )
    lowered = {"perplexity": perplexity} if perplexity < params.perplexity else {}
    return Plane(np.array(model.fit(vectors)), lowered)


Projection = Callable[[np.ndarray, Params], Plane]
PROJECTIONS: dict[str, tuple[type[Params], Projection]] = {
    "pca": (PcaParams, pca),
    "kernel_pca": (KernelPcaParams, kernel_pca),
    "lle": (LleParams, lle),
    "tsne": (TsneParams, tsne),
}
# A method without a section is left out.
Methods = create_model(
    "Methods",
    __base__=Params,
    **{name: (section | None, None) for name, (section, _) in PROJECTIONS.items()},
)


def _fit_on_a_sample(
    model: KernelPCA | LocallyLinearEmbedding,
    vectors: np.ndarray,
    params: KernelPcaParams | LleParams,
) -> np.ndarray:
    """Fit `model` on at most `fitted_points` vectors, and place the others by it."""
    fitted = sample(len(vectors), params.fitted_points, params.seed)
    others = np.setdiff1d(np.arange(len(vectors)), fitted)
    positions = np.empty((len(vectors), 2))
    positions[fitted] = model.fit_transform(vectors[fitted])
    if len(others):
        positions[others] = model.transform(vectors[others])
    return positions


def oriented(positions: np.ndarray) -> np.ndarray:
    """Return positions, (points, axes), with the largest coordinate of each axis positive.

    The sign of an axis has no meaning, and libraries choose it differently.
    """
    largest = np.argmax(np.abs(positions), axis=0)
    signs = np.sign(positions[largest, np.arange(positions.shape[1])])
    return positions * np.where(signs == 0, 1, signs)
