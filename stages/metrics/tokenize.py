"""The metrics of `tokenize`."""

from stages.core.metrics import Metrics


class TokenizeMetrics(Metrics):
    """Numbers of tokens, sentences and words.

    Attributes:
        language: `english` or `korean`.
        tokens: number of tokens by split, and their `total`.
        sentences: number of sentences by split, and their `total`.
        types: number of distinct tokens in the training split.
        vocabulary: number of words in the vocabulary, without special tokens.
        dropped: number of dropped documents by reason.
        coverage: share of the tokens that are in the vocabulary, by split; None for an empty split.
    """

    language: str
    tokens: dict[str, int]
    sentences: dict[str, int]
    types: int
    vocabulary: int
    dropped: dict[str, int]
    coverage: dict[str, float | None]
