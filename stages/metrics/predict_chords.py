"""The metrics of `predict_chords`."""

from stages.core.metrics import TrainingMetrics


class PredictChordsMetrics(TrainingMetrics):
    """How well a recurrent model predicts the next chord.

    Attributes:
        nats_per_frame: mean negative log-likelihood of a quarter note's chord by split, nats.
        test_interval: 95 % interval of the value of the test split, lower and upper bound, nats.
        pitch_frequency_nats_per_frame: mean negative log-likelihood of the baseline, a model of
            the frequencies of pitches, by split, nats.
        pieces: number of pieces by split.
        frames: number of quarter notes by split.
        left_out: number of `drums`, of notes `outside_piano` and of pieces of a `single_chord`.
    """

    nats_per_frame: dict[str, float]
    test_interval: tuple[float, float]
    pitch_frequency_nats_per_frame: dict[str, float]
    pieces: dict[str, int]
    frames: dict[str, int]
    left_out: dict[str, int]
