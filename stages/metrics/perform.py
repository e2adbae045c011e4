"""The metrics of `perform`."""

from stages.core.metrics import Metrics


class Performed(Metrics):
    """A piece that was performed.

    Attributes:
        name: its title or file.
        notes: number of notes with a pitch.
        drum_notes: number of other notes.
        seconds: length of the performance.
        loudness_lufs: integrated loudness (ITU-R BS.1770), None for silence.
        true_peak_dbfs: highest level, between the samples, too.
    """

    name: str
    notes: int
    drum_notes: int
    seconds: float
    loudness_lufs: float | None
    true_peak_dbfs: float


class PerformMetrics(Metrics):
    """What was performed, and how.

    Attributes:
        timbres: names of the timbres, in order.
        arrangement: `glide`: all tracks move from the first to the last; `tracks`: each takes one.
        drums: what plays them: `soundfont` or `none`.
        performance: the piece that was asked for.
        real_performance: the piece of the test split.
    """

    timbres: list[str]
    arrangement: str
    drums: str
    performance: Performed
    real_performance: Performed
