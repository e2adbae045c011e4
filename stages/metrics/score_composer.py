"""The metrics of `score_composer`."""

from typing import Literal

from stages.core.metrics import Metrics


class Comparison(Metrics):
    """A score of real, composed and random passages.

    Attributes:
        real: score of held-out chorales.
        composer: score of composed passages.
        random: score of random notes.
        nearer: passages whose score is nearer to that of real chorales, or `tie`.
    """

    real: float
    composer: float
    random: float
    nearer: Literal["composer", "random", "tie"]


class ScoreComposerMetrics(Metrics):
    """How composed passages compare with real ones and with random notes.

    Attributes:
        scores: comparison by score.
        passages: number of passages by kind.
        distinct_bars: share of distinct bars among the composed ones.
        bars_seen_in_training: share of the composed bars that occur in training chorales.
    """

    scores: dict[str, Comparison]
    passages: dict[str, int]
    distinct_bars: float
    bars_seen_in_training: float
