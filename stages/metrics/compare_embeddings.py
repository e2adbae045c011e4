"""The metrics of `compare_embeddings`."""

from pydantic import ConfigDict, RootModel

from stages.core.metrics import Metrics


class Verdict(Metrics):
    """The best model in a test.

    Attributes:
        measure: `spearman` or `accuracy`.
        items: number of items that every model covers.
        best: name of the best model, or None if no model has a score.
        score: score of the best model, or None.
        no_worse: names of the models that are tied with the best.
    """

    measure: str
    items: int
    best: str | None
    score: float | None
    no_worse: list[str]


class CompareEmbeddingsMetrics(RootModel[dict[str, Verdict]]):
    """The verdict of each test, by its name."""

    model_config = ConfigDict(frozen=True)
