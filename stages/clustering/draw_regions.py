"""Draw the decision regions of the classifiers on documents projected to the plane."""

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field
from sklearn.decomposition import PCA

from stages.clustering.contracts import PLANE, REGIONS
from stages.clustering.learners.documents import by_split, why_unscored
from stages.clustering.learners.methods import LEARNERS, fit, load_params
from stages.clustering.points import read, sample
from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output, Table
from stages.core.params import Params, Variants
from stages.core.progress import progress
from stages.metrics.draw_regions import DrawRegionsMetrics
from stages.metrics.train_learner import TrainLearnerMetrics

# Share of the range of the documents that the plane shows beyond them.
MARGIN = 0.05


class DrawRegionsParams(Params):
    """The section `clustering.draw_regions`."""

    labels: int = Field(ge=2)
    grid: int = Field(ge=2)
    points: int = Field(ge=1)
    seed: int


def grid_over(positions: np.ndarray, size: int) -> np.ndarray:
    """Return the points of a square grid over positions, (size * size, 2)."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    margin = MARGIN * np.maximum(high - low, 1e-6)
    x, y = (
        np.linspace(start, end, size)
        for start, end in zip(low - margin, high + margin, strict=True)
    )
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


@command
def main(
    *,
    params: DrawRegionsParams,
    train_learner: Variants,
    points: Input,
    train_learner_metrics: Input,
    regions: Table[REGIONS],
    plane: Table[PLANE],
    metrics: Output,
) -> None:
    """Draw the decision regions of the classifiers on documents projected to the plane.

    Each classifier is fitted on the first two principal components of the training documents with
    the most frequent labels, with the parameters that it has chosen on the vectors.

    Args:
        train_learner: section whose keys are the names of the classifiers
        points: points table of the documents
        train_learner_metrics: folder of the metrics of the classifiers
        plane: documents on the plane
    """
    documents = by_split(read(points))
    known, counts = np.unique(documents["train"].labels, return_counts=True)
    frequent = known[np.argsort(-counts, kind="stable")][: params.labels].tolist()
    vectors = documents["train"].vectors[np.isin(documents["train"].labels, frequent)]
    unscored = why_unscored(documents)
    if not unscored and vectors.shape[1] < 2:
        unscored = "the vectors have 1 dimension"
    elif not unscored and (vectors == vectors[0]).all():
        unscored = "the vectors are equal"
    if unscored:
        for table in (regions, plane):
            table.write(table.schema.empty_table())
        metrics.write_json(
            DrawRegionsMetrics(
                labels=[], explained_variance=None, accuracy={}, majority=None, unscored=unscored
            )
        )
        return
    kept = {split: np.isin(own.labels, frequent) for split, own in documents.items()}
    labels = {split: own.labels[kept[split]] for split, own in documents.items()}
    projection = PCA(2, svd_solver="full").fit(vectors)
    positions = {
        split: projection.transform(own.vectors[kept[split]])
        for split, own in documents.items()
        if kept[split].any()
    }
    grid = grid_over(positions["train"], params.grid)
    parts, accuracy = [], {}
    for name in progress(train_learner.names, "classifiers", len(train_learner.names)):
        own = load_params(f"{train_learner.section}.{name}")
        trained = read_metrics(train_learner_metrics / f"{name}.json", TrainLearnerMetrics)
        chosen = dict(trained.learner.chosen)
        rows = own.fitted(len(labels["train"]))
        if "k" in chosen:  # not all documents are on the plane
            chosen["k"] = min(chosen["k"], len(rows))
        model = LEARNERS[own.kind].build(own, chosen)
        fit(model, positions["train"][rows], labels["train"][rows])
        guesses = model.predict(grid).tolist()
        parts.append(
            pd.DataFrame({"learner": name, "x": grid[:, 0], "y": grid[:, 1], "label": guesses})
        )
        if "test" in positions:
            accuracy[name] = model.score(positions["test"], labels["test"])
    frame = pd.concat(parts)
    regions.write(pa.Table.from_pandas(frame, regions.schema, preserve_index=False))
    drawn = sample(len(labels["train"]), params.points, params.seed)
    names = np.array(documents["train"].names)[kept["train"]]
    frame = pd.DataFrame(
        {
            "point": names[drawn],
            "x": positions["train"][drawn, 0],
            "y": positions["train"][drawn, 1],
            "label": labels["train"][drawn],
        }
    )
    plane.write(pa.Table.from_pandas(frame, plane.schema, preserve_index=False))
    metrics.write_json(
        DrawRegionsMetrics(
            labels=frequent,
            explained_variance=projection.explained_variance_ratio_.sum(),
            accuracy=accuracy,
            majority=(labels["test"] == frequent[0]).mean() if "test" in positions else None,
        )
    )
