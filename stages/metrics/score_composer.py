"""The metrics of `score_composer`."""

from typing import Literal

from stages.core.metrics import Metrics

BASELINES = ("markov_parts", "markov_chords", "random")
Verdict = Literal["composer", "baseline", "tie"]


class Comparison(Metrics):
    """A score of real music, the composer and the baselines.

    Attributes:
        real: score of held-out real music.
        composer: score of the composer.
        composer_interval: its 95 % interval (bootstrap).
        markov_parts: score of a first-order Markov chain for each part.
        markov_chords: score of one first-order Markov chain over the chords of all parts.
        random: score of random notes.
        nearer: by baseline, whether the composer or the baseline is nearer to real music; a `tie`
            if the 95 % interval of the difference (bootstrap) contains 0.
    """

    real: float
    composer: float
    composer_interval: tuple[float, float]
    markov_parts: float
    markov_chords: float
    random: float
    nearer: dict[str, Verdict]


class Novelty(Metrics):
    """How much of some music occurs in the training.

    Attributes:
        bars_seen: share of its bars that occur in the training, all parts together.
        passages_seen: share of its passages that do.
        longest_run: most successive notes of a part that the same part plays in the training.
        distinct_bars: share of different bars among all of its bars.
    """

    bars_seen: float
    passages_seen: float
    longest_run: int
    distinct_bars: float


class Harmonized(Metrics):
    """A score of harmonized melodies of held-out passages.

    Attributes:
        composer: score of passages that the composer writes without a melody.
        harmonized: score of given melodies with the parts that the composer writes below them.
    """

    composer: float
    harmonized: float


class ScoreComposerMetrics(Metrics):
    """How composed music compares with real music and with simple methods.

    Attributes:
        passages: number of passages by kind.
        bars: bars of a passage.
        pieces: number of whole pieces that the composer wrote, of the same length each.
        piece_bars: bars of such a piece.
        scores: comparison by score. The scores of passages are means of their features.
        overlap: overlap area of each feature of Yang and Lerch 2018, with held-out music.
        divergence: Kullback-Leibler divergence of each feature, likewise.
        novelty: novelty by kind.
        harmonized: scores of harmonized melodies.
        melodies_returned: share of harmonized melodies that come back note for note; None if the
            music has one part.
    """

    passages: dict[str, int]
    bars: int
    pieces: int
    piece_bars: int
    scores: dict[str, Comparison]
    overlap: dict[str, Comparison]
    divergence: dict[str, Comparison]
    novelty: dict[str, Novelty]
    harmonized: dict[str, Harmonized]
    melodies_returned: float | None
