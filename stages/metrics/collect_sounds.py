"""The metrics of `collect_sounds`."""

from stages.core.metrics import Metrics


class CollectSoundsMetrics(Metrics):
    """What was collected and dropped.

    Attributes:
        source: name of the soundfont or folder.
        sounds: number of notes by split, and their `total`.
        timbres: names of the instruments to learn from.
        new_timbres: names of those that are held out.
        octaves: instruments that sound octaves above or below their keys, and how many above.
        dropped: number of notes that are not used, by reason.
        examples: messages about the first of each reason.
    """

    source: str
    sounds: dict[str, int]
    timbres: list[str]
    new_timbres: list[str]
    octaves: dict[str, int]
    dropped: dict[str, int]
    examples: list[str]
