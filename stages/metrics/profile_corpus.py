"""The metrics of `profile_corpus`."""

from stages.core.metrics import Metrics


class ProfileCorpusMetrics(Metrics):
    """How the words of the training split are distributed.

    Attributes:
        zipf_exponent: exponent of a word's count as a power of its rank.
        zipf_factor: fitted count at rank 1.
        heaps_exponent: exponent of the number of distinct words as a power of the number of tokens.
        heaps_factor: fitted number of distinct words at 1 token.
        labels: number of distinct labels.
        labels_described: number of labels whose words are listed.
    """

    zipf_exponent: float
    zipf_factor: float
    heaps_exponent: float
    heaps_factor: float
    labels: int
    labels_described: int
