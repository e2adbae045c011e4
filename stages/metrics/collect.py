"""The metrics of `collect`."""

from stages.core.metrics import Metrics


class Corpus(Metrics):
    """Description of the corpus.

    Attributes:
        name: stem of its file in conf/corpus.
        title: title in the report.
        licence: licence of the texts.
        homepage: address of the corpus's page, or None.
        language: `english` or `korean`.
        sources: URL or path of each source.
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
        split_unit: unit of the splits, `document` or `group`.
        given_splits: names of the splits that the sources give.
        drawn_splits: names of the splits that were drawn.
        documents: number of documents by split, and their `total`.
        groups: number of groups, such as articles or files.
        labels: number of distinct labels.
        dropped: number of dropped documents by reason.
        changed: number of changed documents by kind of change.
        left_out: number of files that were not read, by reason.
        examples: messages about the first files and rows that were left out, dropped or repaired.
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
