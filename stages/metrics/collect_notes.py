"""The metrics of `collect_notes`."""

from stages.core.metrics import Metrics


class Collection(Metrics):
    """Description of the collection.

    Attributes:
        name: stem of its file in conf/music.
        title: title in the report.
        licence: licence of the music and of its encoding.
        homepage: address of the collection's page, or None.
    """

    name: str
    title: str
    licence: str
    homepage: str | None


class Repair(Metrics):
    """How often a kind of fault was repaired.

    Attributes:
        files: number of files with the fault.
        cases: number of cases in all of them.
    """

    files: int
    cases: int


class CollectNotesMetrics(Metrics):
    """What was collected, refused, repaired and dropped.

    Attributes:
        collection: description of the collection.
        files: number of files that were read.
        pieces: number of pieces by split, and their `total`.
        notes: number of notes.
        dropped: number of pieces that were read but not kept, by reason.
        refused: number of files that could not be read, by reason.
        repaired: repairs by kind of fault.
        left_out: number of files that contain no notes, by suffix (`none` without one), and of
            links in archives (`link`).
        examples: messages about the first files and pieces of each reason, other than repairs.
    """

    collection: Collection
    files: int
    pieces: dict[str, int]
    notes: int
    dropped: dict[str, int]
    refused: dict[str, int]
    repaired: dict[str, Repair]
    left_out: dict[str, int]
    examples: list[str]
