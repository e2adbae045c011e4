"""The metrics of `tokenize`."""

from stages.core.metrics import Metrics


class TokenizeMetrics(Metrics):
    """How many tokens, sentences and words the documents have.

    Attributes:
        language: `english` or `korean`.
        tokens: number of tokens by split, and their `total`.
        sentences: number of sentences by split, and their `total`.
        types: number of different tokens of the training split.
        vocabulary: number of words of the vocabulary, special tokens not counted.
        dropped: number of dropped documents by reason.
        coverage: share of the tokens that the vocabulary has, by split; None in an empty split.
    """

    language: str
    tokens: dict[str, int]
    sentences: dict[str, int]
    types: int
    vocabulary: int
    dropped: dict[str, int]
    coverage: dict[str, float | None]
