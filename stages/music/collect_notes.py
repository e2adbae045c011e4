"""Collect the notes of the four-part Bach chorales that ship inside music21."""

import random
from collections import Counter
from pathlib import Path
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from stages.core.command import command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.progress import progress
from stages.metrics.collect_notes import CollectNotesMetrics
from stages.music.contracts import NOTES, PIECES, SPLITS
from stages.music.notes.chorales import Chorale, chorale_files, read_chorale
from stages.music.notes.keys import find_key

Share = Annotated[float, Field(gt=0, lt=0.5)]


class CollectNotesParams(Params):
    """The section `music.collect_notes`."""

    validation_share: Share
    test_share: Share
    seed: int


def select(files: list[Path]) -> tuple[dict[str, Chorale], dict[str, int]]:
    """Return the four-part chorales by name, and the number of dropped files by reason.

    Some chorales occur in several cantatas. A copy is dropped: otherwise the same music could be
    in both training and test.
    """
    chorales: dict[str, Chorale] = {}
    dropped = Counter({"not_four_parts": 0, "changing_time_signature": 0, "duplicate": 0})
    seen = set()
    for path in progress(files, "reading chorales", len(files)):
        chorale = read_chorale(path)
        if chorale is None:
            dropped["not_four_parts"] += 1
        elif chorale.beats_per_bar is None:
            dropped["changing_time_signature"] += 1
        elif (melody := _melody(chorale)) in seen:
            dropped["duplicate"] += 1
        else:
            seen.add(melody)
            chorales[path.stem] = chorale
    return chorales, dict(dropped)


def _melody(chorale: Chorale) -> tuple[tuple[str, int], ...]:
    """Return all pitches relative to the first: a transposed copy has the same ones."""
    start = chorale.notes[0].pitch_midi
    return tuple((note.part, note.pitch_midi - start) for note in chorale.notes)


def draw_splits(
    names: list[str], validation_share: float, test_share: float, seed: int
) -> dict[str, str]:
    """Return the split of each piece. Whole pieces are held out."""
    order = list(names)
    random.Random(seed).shuffle(order)
    n_test, n_validation = round(test_share * len(order)), round(validation_share * len(order))
    return {
        name: "test" if i < n_test else "validation" if i < n_test + n_validation else "train"
        for i, name in enumerate(order)
    }


@command
def main(
    *, params: CollectNotesParams, notes: Table[NOTES], pieces: Table[PIECES], metrics: Output
) -> None:
    """Collect the notes of the four-part Bach chorales that ship inside music21."""
    chorales, dropped = select(chorale_files())
    splits = draw_splits(list(chorales), params.validation_share, params.test_share, params.seed)
    counts = {split: list(splits.values()).count(split) for split in SPLITS}
    if not all(counts.values()):
        raise StageError(
            f"too few chorales for three splits ({counts}): raise the shares in {params.section}"
        )
    note_rows = [
        (name, splits[name], note.part, float(note.onset_beats), float(note.duration_beats),
         note.pitch_midi)
        for name, chorale in chorales.items()
        for note in chorale.notes
    ]  # fmt: skip
    piece_rows = [
        (name, splits[name], float(c.beats_per_bar), float(c.pickup_beats), *find_key(c.notes))
        for name, c in chorales.items()
    ]
    for table, rows in ((notes, note_rows), (pieces, piece_rows)):
        columns = [list(column) for column in zip(*rows, strict=True)]
        table.write(pa.table(columns, schema=table.schema))
    metrics.write_json(
        CollectNotesMetrics(
            pieces={"total": len(piece_rows), **counts},
            notes=len(note_rows),
            dropped=dropped,
        )
    )
