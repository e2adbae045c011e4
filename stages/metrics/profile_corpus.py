"""The metrics of `profile_corpus`."""

from stages.core.metrics import Metrics


class ProfileCorpusMetrics(Metrics):
    """How the words of the training split are distributed.

    Attributes:
        zipf_exponent: power of the rank that a word's count falls with.
        zipf_factor: count that the fitted line has at rank 1.
        heaps_exponent: power of the number of tokens that the number of words grows with.
        heaps_factor: number of words that the fitted line has at 1 token.
        labels: number of different labels.
        labels_described: number of labels whose words are listed.
    """

    zipf_exponent: float
    zipf_factor: float
    heaps_exponent: float
    heaps_factor: float
    labels: int
    labels_described: int
