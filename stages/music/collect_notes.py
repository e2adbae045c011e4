"""Collect the notes of a collection of music: pieces without copies, in three splits."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field

from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.losses import Losses
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.progress import progress
from stages.metrics.collect_notes import CollectNotesMetrics
from stages.music.contracts import NOTES, PIECES, SPLITS
from stages.music.notes.keys import find_key
from stages.music.notes.voices import number_voices
from stages.music.sources.collection import Collection
from stages.music.sources.copies import (
    Outline,
    group_by_melody,
    is_copy,
    melody_codes,
    outline,
)
from stages.music.sources.files import READERS, File, find_files, locate, read_file
from stages.music.sources.piece import Piece, UnreadableError

DROPPED = ("other_parts", "no_pitched_notes", "single_note", "duplicate")

Share = Annotated[float, Field(gt=0, lt=0.5)]


class CollectNotesParams(Params):
    """The section `music.collect_notes`."""

    validation_share: Share
    test_share: Share
    seed: int


class Kept(NamedTuple):
    """A piece that is kept.

    Attributes:
        row: its row of the table `pieces`, without the split
        notes: its rows of the table `notes`, without id and split
        codes: codes of its melody
    """

    row: dict[str, Any]
    notes: pa.RecordBatch
    codes: np.ndarray


class Reading:
    """What was counted while the files were read.

    Attributes:
        files: number of files that were read
        left_out: files that contain no notes, by suffix
        refused: files that could not be read, by reason
        dropped: pieces that are not kept, by reason
        repaired: number of files and of cases, by kind of fault
    """

    def __init__(self) -> None:
        self.files = 0
        self.left_out = Losses()
        self.refused = Losses()
        self.dropped = Losses(*DROPPED)
        self.repaired: dict[str, Counter[str]] = {}

    def add_repairs(self, pieces: list[Piece]) -> None:
        """Count the repairs of a file, given its pieces."""
        cases = sum((Counter(piece.repairs) for piece in pieces), Counter())
        for kind, number in cases.items():
            self.repaired.setdefault(kind, Counter()).update(files=1, cases=number)

    @property
    def examples(self) -> list[str]:
        """Messages about the first files and pieces of each reason."""
        return [*self.refused.examples, *self.dropped.examples, *self.left_out.examples]

    def __str__(self) -> str:
        counts = self.refused.counts + self.dropped.counts + self.left_out.counts
        numbers = ", ".join(f"{number} {reason}" for reason, number in counts.items())
        return "; ".join([numbers or "no file", *self.examples[:3]])


def read_pieces(
    collection: Collection, raw: Path, reading: Reading
) -> Iterator[tuple[str, File, Piece]]:
    """Yield the pieces of a collection, each with its id and its file.

    Args:
        collection: description of the collection
        raw: folder of the user's own music
        reading: counts, updated while reading
    """
    files = (
        file for source in collection.sources for file in find_files(source, raw, reading.left_out)
    )
    times_met: Counter[str] = Counter()
    for file in progress(files, "reading music"):
        try:
            pieces = read_file(file, reading.left_out)
        except UnreadableError as error:
            reading.refused.add(error.reason, file.name, str(error))
            continue
        reading.files += bool(pieces)
        reading.add_repairs(pieces)
        for number, piece in enumerate(pieces, start=1):
            piece_id = file.stem if len(pieces) == 1 else f"{file.stem}#{number}"
            times_met[piece_id] += 1
            if times_met[piece_id] > 1:  # the same name in two sources
                piece_id = f"{piece_id}~{times_met[piece_id]}"
            yield piece_id, file, piece


def flaw(piece: Piece, part_names: list[str] | None) -> tuple[str, str] | None:
    """Return the reason why a piece is dropped, and a message; None if it is kept."""
    pitched = sum(not note.is_drum for note in piece.notes)
    if part_names is not None and piece.track_names != part_names:
        return "other_parts", f"its parts are {', '.join(piece.track_names) or 'not named'}"
    if pitched == 0:
        return "no_pitched_notes", "only drums" if piece.notes else "no notes"
    if pitched == 1:
        return "single_note", "a single note with a pitch"
    return None


def select(collection: Collection, raw: Path, reading: Reading) -> list[Kept]:
    """Return the pieces of a collection that are kept; of copies, the first.

    Args:
        collection: description of the collection
        raw: folder of the user's own music
        reading: counts, updated while reading

    Raises:
        StageError: no piece is left.
    """
    kept = []
    outlines: dict[bytes, list[tuple[Outline, str]]] = {}  # and the ids, by pitches
    for piece_id, file, piece in read_pieces(collection, raw, reading):
        found = flaw(piece, collection.part_names)
        if found is None:
            own = outline(piece.notes)
            alike = outlines.setdefault(own.pitches, [])
            original = next((name for other, name in alike if is_copy(own, other)), None)
            if original is not None:
                found = "duplicate", f"the same notes as {original}"
        if found is not None:
            reason, what = found
            reading.dropped.add(reason, f"{file.name} ({piece_id})", what)
            continue
        alike.append((own, piece_id))
        parts = number_voices(piece.notes)
        row = {"piece_id": piece_id, "source": file.name, **describe(piece, parts)}
        row["title"] = row["title"] or piece_id
        row["licence"] = row["licence"] or collection.licence
        kept.append(Kept(row, note_rows(piece, parts), melody_codes(piece.notes, parts)))
    if not kept:
        raise StageError(
            f"collection '{collection.title}' has no piece ({reading}): bring files of "
            f"notes ({', '.join(READERS)}), or correct {collection.section}"
        )
    return kept


def describe(piece: Piece, parts: list[int]) -> dict[str, Any]:
    """Return what the table `pieces` says of a piece, given the part of each note."""
    metre, key = piece.metres[0], find_key(piece.notes)
    return {
        "title": piece.title,
        "licence": piece.licence,
        "tonic_pitch_class": key.tonic_pitch_class,
        "mode": key.mode,
        "metre": f"{metre.numerator}/{metre.denominator}",
        "metre_changes": len({other[1:] for other in piece.metres}) > 1,
        "beats_per_bar": metre.beats_per_bar,
        "pickup_beats": piece.pickup_beats,
        "tempo_bpm": piece.tempos[0].bpm,
        "length_beats": max(note.onset_beats + note.duration_beats for note in piece.notes),
        "length_seconds": max(n.onset_seconds + n.duration_seconds for n in piece.notes),
        "parts": max(parts),
        "repairs": "; ".join(f"{kind}: {number}" for kind, number in sorted(piece.repairs.items())),
    }


def note_rows(piece: Piece, parts: list[int]) -> pa.RecordBatch:
    """Return the rows of the table `notes` of a piece, without id and split."""
    schema = pa.schema([column for column in NOTES.schema][2:])
    columns = dict(zip(piece.notes[0]._fields, zip(*piece.notes, strict=True), strict=True))
    columns["part"] = parts
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def draw_splits(
    groups: list[int], validation_share: float, test_share: float, seed: int
) -> list[str]:
    """Return the split of each piece. Groups of pieces are drawn whole.

    A group that is too large for what is left of the held-out splits goes to train.

    Args:
        groups: group of each piece
        validation_share: share of the pieces in the validation split, at least one piece
        test_share: share of the pieces in the test split, at least one piece
        seed: seed of the order in which groups are drawn
    """
    sizes = Counter(groups)
    order = list(sizes)
    random.Random(seed).shuffle(order)
    shares = {"test": test_share, "validation": validation_share}
    left = {split: max(1, round(share * len(groups))) for split, share in shares.items()}
    drawn = {}
    for group in order:
        fits = (split for split, number in left.items() if sizes[group] <= number)
        drawn[group] = next(fits, "train")
        if drawn[group] in left:
            left[drawn[group]] -= sizes[group]
    return [drawn[group] for group in groups]


def check(*, music: Collection, raw: Path) -> None:
    """Check that the files of a collection exist."""
    for source in music.sources:
        locate(source, raw)


@command
def main(
    *,
    params: CollectNotesParams,
    music: Collection,
    raw: Input,
    notes: Table[NOTES],
    pieces: Table[PIECES],
    metrics: Output,
) -> None:
    """Collect the notes of a collection of music: pieces without copies, in three splits.

    Args:
        music: file in conf/music
        raw: folder of your own music
    """
    reading = Reading()
    kept = select(music, raw, reading)
    groups = group_by_melody([piece.codes for piece in kept])
    splits = draw_splits(groups, params.validation_share, params.test_share, params.seed)
    counts = {split: splits.count(split) for split in SPLITS}
    if not all(counts.values()):
        raise StageError(
            f"collection '{music.title}' is too small for three splits: pieces with the same "
            f"melody stay together, which gives {counts} (not kept: {reading}); bring more pieces, "
            f"or raise the shares in {params.section}"
        )
    ids = [piece.row["piece_id"] for piece in kept]
    lengths = [len(piece.notes) for piece in kept]
    notes.write(
        pa.Table.from_batches([piece.notes for piece in kept])
        .add_column(0, "piece_id", pa.array(np.repeat(ids, lengths), pa.string()))
        .add_column(1, "split", pa.array(np.repeat(splits, lengths), pa.string()))
    )
    rows = [{**piece.row, "split": split} for piece, split in zip(kept, splits, strict=True)]
    pieces.write(pa.Table.from_pylist(rows, schema=pieces.schema))
    metrics.write_json(
        CollectNotesMetrics(
            collection={
                "name": Path(music.section).stem,
                **music.model_dump(include={"title", "licence", "homepage"}),
            },
            files=reading.files,
            pieces={"total": len(kept), **counts},
            notes=sum(lengths),
            dropped=dict(reading.dropped.counts),
            refused=dict(reading.refused.counts),
            repaired={kind: dict(numbers) for kind, numbers in reading.repaired.items()},
            left_out=dict(reading.left_out.counts),
            examples=reading.examples,
        )
    )
