"""What the page says of the collection of music."""

import html

import numpy as np
import pandas as pd

from stages.metrics.collect_notes import CollectNotesMetrics
from stages.report.page.charts import counted, histogram, spanned
from stages.report.page.content import (
    Block,
    Chart,
    Details,
    NotePlayer,
    Section,
    Table,
    Text,
    number,
)

TONICS = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
LENGTH_BINS = 12  # at most
HEARD_PIECES, HEARD_SECONDS = 10, 60
WHY = {
    "other_parts": "has other parts than the collection is limited to",
    "no_pitched_notes": "only drums, or no note",
    "single_note": "a single note",
    "duplicate": "the same notes as an earlier piece, in any key and tempo",
}


def collection_section(
    collected: CollectNotesMetrics, pieces: pd.DataFrame, notes: pd.DataFrame
) -> Section:
    """Return the section on what came in.

    Args:
        collected: metrics of `collect_notes`.
        pieces: table `pieces`.
        notes: table `notes`.
    """
    blocks: list[Block] = [
        Text(_about(collected)),
        *_faults(collected),
        _keys(pieces),
        _metres(pieces),
        _ranges(notes),
        _lengths(pieces),
        *_player(pieces, notes),
    ]
    return Section("The collection", ["collect_notes"], blocks)


def _about(collected: CollectNotesMetrics) -> str:
    about, pieces = collected.collection, collected.pieces
    source = f" ({about.homepage})" if about.homepage else ""
    return (
        f"{about.title}{source}: {number(pieces['total'])} pieces with {number(collected.notes)} "
        f"notes from {number(collected.files)} files. {number(pieces['train'])} pieces are for "
        f"training, {number(pieces['validation'])} for validation and {number(pieces['test'])} for "
        f"the test; pieces with the same melody stay together. Licence: {about.licence}."
    )


def _faults(collected: CollectNotesMetrics) -> list[Block]:
    rows = [
        *(
            ["repaired", _words(kind), _many(found.files, "file"), number(found.cases)]
            for kind, found in collected.repaired.items()
        ),
        *(
            ["refused", _words(kind), _many(files, "file"), "–"]
            for kind, files in collected.refused.items()
            if files
        ),
        *(
            ["dropped", WHY.get(kind, _words(kind)), _many(dropped, "piece"), "–"]
            for kind, dropped in collected.dropped.items()
            if dropped
        ),
        *(
            ["left out", f"{kind} is not a file of notes", _many(files, "file"), "–"]
            for kind, files in collected.left_out.items()
            if files
        ),
    ]
    if not rows:
        return [Text("Every file was read without repairs, and every piece was kept.")]
    blocks: list[Block] = [
        Table(
            "What was repaired while reading, and what is not in the collection.",
            ["what", "why", "how many", "cases"],
            rows,
        )
    ]
    if collected.examples:
        items = "".join(f"<li>{html.escape(example)}</li>" for example in collected.examples)
        blocks.append(Details("Examples of what is not in the collection", f"<ul>{items}</ul>"))
    return blocks


def _many(count: int, noun: str) -> str:
    return f"{number(count)} {noun}" if count == 1 else f"{number(count)} {noun}s"


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _keys(pieces: pd.DataFrame) -> Chart:
    names = [
        f"{TONICS[tonic]} {mode}"
        for tonic, mode in zip(pieces["tonic_pitch_class"], pieces["mode"], strict=True)
    ]
    rows = _counts(names)
    minor = int((pieces["mode"] == "minor").sum())
    return Chart(
        f"Keys as found from the notes: {rows['value'].iloc[0]} is the most frequent, and "
        f"{number(minor)} of {number(len(pieces))} pieces are in minor.",
        counted(rows, "key", "pieces", "Number of pieces by key."),
    )


def _metres(pieces: pd.DataFrame) -> Chart:
    rows = _counts(pieces["metre"])
    changes = int(pieces["metre_changes"].sum())
    return Chart(
        f"Metres: most pieces begin in {rows['value'].iloc[0]}, and {number(changes)} change their "
        "metre.",
        counted(rows, "metre", "pieces", "Number of pieces by metre."),
    )


def _counts(values: object) -> pd.DataFrame:
    """Return how often each value occurs, the most frequent first, then by name."""
    counts = pd.Series(values).value_counts().rename_axis("value").reset_index(name="count")
    return counts.sort_values(["count", "value"], ascending=[False, True], ignore_index=True)


def _ranges(notes: pd.DataFrame) -> Chart:
    pitched = notes[~notes["is_drum"]]
    rows = pitched.groupby("part")["pitch_midi"].agg(["min", "median", "max", "size"]).reset_index()
    rows = rows.rename(columns={"min": "low", "median": "middle", "max": "high", "size": "notes"})
    rows["part"] = "part " + rows["part"].astype(str)
    return Chart(
        f"Pitch ranges and medians of {number(len(rows))} parts, from the highest down; all notes "
        f"lie between {pitched['pitch_midi'].min()} and {pitched['pitch_midi'].max()}.",
        spanned(rows, "pitch (MIDI)", "Lowest, median and highest pitch of each part."),
    )


def _lengths(pieces: pd.DataFrame) -> Chart:
    seconds = pieces["length_seconds"]
    # Bins of whole seconds.
    low, high = int(seconds.min()), int(seconds.max()) + 1
    width = -(-(high - low) // LENGTH_BINS)
    counts, edges = np.histogram(seconds, np.arange(low, high + width, width))
    rows = pd.DataFrame({"left": edges[:-1], "right": edges[1:], "count": counts})
    return Chart(
        f"Lengths of the pieces in seconds: half of them last at most "
        f"{number(float(seconds.median()), 1)}, the longest {number(float(seconds.max()), 1)}.",
        histogram(rows, "seconds", "pieces", "Number of pieces over their length."),
    )


def _player(pieces: pd.DataFrame, notes: pd.DataFrame) -> list[NotePlayer]:
    early = notes[~notes["is_drum"] & (notes["onset_seconds"] < HEARD_SECONDS)]
    # Some pieces begin with a minute of drums.
    audible = pieces[pieces["piece_id"].isin(early["piece_id"])]
    if audible.empty:
        return []
    order = {"test": 0, "validation": 1, "train": 2}
    chosen = audible.assign(order=audible["split"].map(order))
    chosen = chosen.sort_values("order", kind="stable", ignore_index=True)
    among = max((chosen["split"] == "test").sum(), min(HEARD_PIECES, len(chosen)))
    places = np.linspace(0, among - 1, min(HEARD_PIECES, among)).round().astype(int)
    heard = [
        (
            f"{piece.title} ({piece.split})",
            player_notes(early[early["piece_id"] == piece.piece_id]),
        )
        for piece in chosen.iloc[places].itertuples()
    ]
    return [
        NotePlayer(
            f"{number(len(heard))} pieces of the collection, held-out ones first: the first "
            f"{HEARD_SECONDS} seconds of each, played by the page itself; drums are left out.",
            heard,
        )
    ]


def player_notes(notes: pd.DataFrame) -> list[tuple[int, int, int, int]]:
    """Return notes as `NotePlayer` takes them, in order of onset."""
    heard = notes.sort_values(["onset_seconds", "part"])
    columns = (
        heard["part"],
        (heard["onset_seconds"] * 1000).round().astype(int),
        (heard["duration_seconds"] * 1000).round().clip(lower=1).astype(int),
        heard["pitch_midi"],
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))
