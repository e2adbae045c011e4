"""Collect the notes of the four-part Bach chorales that ship inside music21."""

import argparse
import random
from collections import Counter
from pathlib import Path
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from stages.core.errors import StageError
from stages.core.outputs import Outputs
from stages.core.params import Params, load
from stages.core.progress import progress
from stages.music.chorales import Chorale, chorale_files, read_chorale
from stages.music.contracts import NOTES, PIECES, SPLITS

Share = Annotated[float, Field(gt=0, lt=0.5)]


class CollectParams(Params):
    """The section `music.collect_notes`."""

    validation_share: Share
    test_share: Share
    seed: int


def select(files: list[Path]) -> tuple[dict[str, Chorale], dict[str, int]]:
    """Return the chorales by name that are for four parts, and how many are not by reason.

    A chorale whose notes are those of one before (some stand in several cantatas) is left out:
    else the same music might be in training and in test.
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
    """Return the parts' pitches relative to the first, so that a transposed copy is the same."""
    start = chorale.notes[0].pitch_midi
    return tuple((note.part, note.pitch_midi - start) for note in chorale.notes)


def draw_splits(
    names: list[str], validation_share: float, test_share: float, seed: int
) -> dict[str, str]:
    """Return the split of each piece: whole pieces are held out."""
    order = list(names)
    random.Random(seed).shuffle(order)
    n_test, n_validation = round(test_share * len(order)), round(validation_share * len(order))
    return {
        name: "test" if i < n_test else "validation" if i < n_test + n_validation else "train"
        for i, name in enumerate(order)
    }


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, collect, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notes", type=Path)
    parser.add_argument("pieces", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, CollectParams)

    chorales, dropped = select(chorale_files())
    splits = draw_splits(list(chorales), params.validation_share, params.test_share, params.seed)
    counts = {split: list(splits.values()).count(split) for split in SPLITS}
    if not all(counts.values()):
        raise StageError(f"too few chorales to split ({counts}): raise the shares")
    notes = [
        (name, splits[name], note.part, float(note.onset_beats), float(note.duration_beats),
         note.pitch_midi)
        for name, chorale in chorales.items()
        for note in chorale.notes
    ]  # fmt: skip
    pieces = [
        (name, splits[name], float(c.beats_per_bar), float(c.pickup_beats), c.key_fifths)
        for name, c in chorales.items()
    ]
    with Outputs(args.validation) as outputs:
        for path, contract, rows in ((args.notes, NOTES, notes), (args.pieces, PIECES, pieces)):
            columns = [list(column) for column in zip(*rows, strict=True)]
            outputs.table(path, contract, pa.table(columns, schema=contract.schema))
        outputs.json(
            args.metrics,
            {"pieces": {"total": len(pieces), **counts}, "notes": len(notes), "dropped": dropped},
        )
