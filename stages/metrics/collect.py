"""The metrics of `collect`."""

from stages.core.metrics import Metrics


class Corpus(Metrics):
    """What the corpus is.

    Attributes:
        name: stem of its file in conf/corpus.
        title: title for people.
        licence: licence in words.
        homepage: address, or None.
        language: `english` or `korean`.
        sources: a sentence for each source: where it is read from.
    """

    name: str
    title: str
    licence: str
    homepage: str | None
    language: str
    sources: list[str]


class CollectMetrics(Metrics):
    """What was collected, dropped and changed.

    Attributes:
        corpus: description of the corpus.
        split_unit: `document` or `group`: what the splits are drawn from.
        given_splits: names of the splits that the corpus brings.
        drawn_splits: names of the splits that were drawn.
        documents: number of documents by split, and their `total`.
        groups: number of articles or files.
        labels: number of different labels.
        dropped: number of dropped documents by reason.
        changed: number of changed documents by kind of change.
        left_out: number of files that were not read by reason.
        examples: sentences about the first rows that were dropped or repaired.
    """

    corpus: Corpus
    split_unit: str
    given_splits: list[str]
    drawn_splits: list[str]
    documents: dict[str, int]
    groups: int
    labels: int
    dropped: dict[str, int]
    changed: dict[str, int]
    left_out: dict[str, int]
    examples: list[str]
