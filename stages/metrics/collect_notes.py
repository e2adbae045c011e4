"""The metrics of `collect_notes`."""

from stages.core.metrics import Metrics


class CollectNotesMetrics(Metrics):
    """Numbers of notes and chorales.

    Attributes:
        pieces: number of chorales by split, and their `total`.
        notes: number of notes.
        dropped: number of dropped chorales by reason.
    """

    pieces: dict[str, int]
    notes: int
    dropped: dict[str, int]
