"""The metrics of `read_digits`."""

from stages.core.metrics import AccuracyMetrics, TrainingMetrics


class ReadDigitsMetrics(AccuracyMetrics, TrainingMetrics):
    """Scores of a classifier that reads images row by row.

    Attributes:
        source: `scikit-learn` or a folder in data/raw.
        rows: height of an image, pixels.
        columns: width of an image, pixels.
        images: number of images by split.
    """

    source: str
    rows: int
    columns: int
    images: dict[str, int]
