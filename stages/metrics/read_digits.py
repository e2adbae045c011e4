"""The metrics of `read_digits`."""

from stages.core.metrics import AccuracyMetrics, TrainingMetrics


class ReadDigitsMetrics(AccuracyMetrics, TrainingMetrics):
    """Scores of a classifier of images that are read row by row.

    Attributes:
        source: `scikit-learn` or a folder of data/raw.
        rows: height of an image in pixels.
        columns: width of an image in pixels.
        images: number of images by split.
    """

    source: str
    rows: int
    columns: int
    images: dict[str, int]
