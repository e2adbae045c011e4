"""The metrics of `predict_chords`."""

from stages.core.metrics import TrainingMetrics


class PredictChordsMetrics(TrainingMetrics):
    """How well a recurrent model predicts the next chord.

    Attributes:
        nats_per_frame: mean negative log-likelihood of a quarter note's chord by split, nats.
        test_interval: 95 % interval of the value of the test split, lower and upper bound, nats.
        pitch_frequency_nats_per_frame: mean negative log-likelihood of the baseline, a model of
            the frequencies of pitches, by split, nats.
        pieces: number of chorales by split.
        frames: number of quarter notes by split.
    """

    nats_per_frame: dict[str, float]
    test_interval: tuple[float, float]
    pitch_frequency_nats_per_frame: dict[str, float]
    pieces: dict[str, int]
    frames: dict[str, int]
