"""Render the page of the music room."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import safe_open

from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output
from stages.metrics.collect_notes import CollectNotesMetrics
from stages.metrics.score_composer import ScoreComposerMetrics
from stages.report.music.collection import collection_section, player_notes
from stages.report.music.scores import scores_section, verdict
from stages.report.page.charts import curves, piano_roll
from stages.report.page.content import (
    Audio,
    Block,
    Chart,
    NotePlayer,
    Page,
    Section,
    data_url,
    number,
)
from stages.report.page.html import write_page
from stages.report.page.inputs import read_csv, read_table

PROGRESS_BPM = 96


@command
def main(
    *,
    collect_notes_metrics: Input,
    score_composer_metrics: Input,
    train_composer_curve: Input,
    notes: Input,
    pieces: Input,
    composer: Input,
    progress: Input,
    composition: Input,
    mid_composition: Input,
    wav_composition: Input,
    harmonization: Input,
    mid_harmonization: Input,
    wav_harmonization: Input,
    page: Output,
    headline: Output,
) -> None:
    """Render the page of the music room, which plays the composed piece."""
    scored = read_metrics(score_composer_metrics, ScoreComposerMetrics)
    collected = read_metrics(collect_notes_metrics, CollectNotesMetrics)
    composed, harmonized = read_table(composition), read_table(harmonization)
    note_rows, piece_rows = read_table(notes), read_table(pieces)
    beats_per_bar = _beats_per_bar(composer)
    parts = composed["part"].nunique()
    content = Page(
        "music",
        verdict(scored),
        [
            Section(
                "A piece",
                ["compose"],
                _heard(
                    composed,
                    _bars(composed, beats_per_bar),
                    f"{number(len(composed))} notes in {parts} parts, written by the composer and "
                    "played on an organ of the soundfont that ships with pretty_midi.",
                    mid_composition,
                    wav_composition,
                ),
            ),
            Section(
                "A harmonized melody",
                ["harmonize"],
                _heard(
                    harmonized,
                    _bars(
                        harmonized, beats_per_bar, _pickup_beats(harmonized, note_rows, piece_rows)
                    ),
                    f"A given melody of {number(int((harmonized['part'] == 1).sum()))} notes (part "
                    "1), with parts of the composer below it.",
                    mid_harmonization,
                    wav_harmonization,
                ),
            ),
            scores_section(scored),
            Section(
                "What it learned",
                ["train_composer"],
                [_progress(read_table(progress)), *_training(read_csv(train_composer_curve))],
            ),
            collection_section(collected, piece_rows, note_rows),
        ],
    )
    write_page(content, page, headline)


def _beats_per_bar(composer: Path) -> float:
    """Return the quarter notes in a bar of the composer."""
    with safe_open(composer, "np") as weights:
        return json.loads(weights.metadata()["shape"])["grid"]["beats_per_bar"]


def _pickup_beats(harmonized: pd.DataFrame, notes: pd.DataFrame, pieces: pd.DataFrame) -> float:
    """Return the quarter notes before the first full bar of a melody of the collection.

    The pickup of any other melody is not in a table; 0 is returned.
    """
    columns = ["onset_beats", "duration_beats", "pitch_midi"]
    melody = harmonized.loc[harmonized["part"] == 1, columns].sort_values(columns)
    highest = notes[(notes["split"] == "test") & (notes["part"] == 1)]
    for piece, own in highest.groupby("piece_id"):
        if np.array_equal(own[columns].sort_values(columns), melody):
            return float(pieces.set_index("piece_id").at[piece, "pickup_beats"])
    return 0.0


def _bars(piece: pd.DataFrame, beats_per_bar: float, pickup_beats: float = 0.0) -> list[float]:
    """Return where the full bars of a piece begin, in quarter notes."""
    end_beats = (piece["onset_beats"] + piece["duration_beats"]).max()
    # With the end, where the last bar is full.
    return np.arange(pickup_beats, end_beats + 0.001, beats_per_bar).tolist()


def _heard(
    piece: pd.DataFrame, bars: list[float], caption: str, mid: Path, wav: Path
) -> list[Block]:
    beats = (piece["onset_beats"] + piece["duration_beats"]).max()
    return [
        Audio(
            caption,
            data_url("audio/wav", wav.read_bytes()),
            data_url("audio/midi", mid.read_bytes()),
            mid.name,
        ),
        Chart(
            f"The same piece as a piano roll with a line at each bar: {number(float(beats), 0)} "
            f"quarter notes, from pitch {piece['pitch_midi'].min()} to "
            f"{piece['pitch_midi'].max()}.",
            piano_roll(piece, bars, "Piano roll of the piece, a colour for each part."),
        ),
    ]


def _progress(notes: pd.DataFrame) -> NotePlayer:
    seconds = 60 / PROGRESS_BPM
    timed = notes.assign(
        onset_seconds=notes["onset_beats"] * seconds,
        duration_seconds=notes["duration_beats"] * seconds,
    )
    heard = [
        (f"after {percent} % of the steps", player_notes(own))
        for percent, own in timed.groupby("percent")
    ]
    return NotePlayer(
        "The same passage as the composer wrote it at different times of its training.", heard
    )


def _training(curve: pd.DataFrame) -> list[Block]:
    best = curve.loc[curve["overlap"].idxmax()]
    names = {"likelihood_loss": "training", "validation_loss": "validation"}
    rows = curve.melt("round", list(names), "series", "nats").replace({"series": names})
    joined = curve.dropna(subset=["critic_loss"]) if "critic_loss" in curve else curve.head(0)
    alone = not joined.empty and best["round"] < joined["round"].iloc[0]
    likelihood = Chart(
        "Mean negative log-likelihood of a note of real music in nats, for each part and step. The "
        f"checkpoint of round {number(int(best['round']))} of {number(int(curve['round'].max()))} "
        f"is kept: its passages overlap most with those of the validation split, by "
        f"{number(float(best['overlap']), 3)}."
        + (" It is from before the critic joined, which chooses among drafts." if alone else ""),
        curves(rows.round(4), "round", "nats", "Losses of training and validation over rounds."),
    )
    if joined.empty:
        return [likelihood]
    losses = {"generator_loss": "generator", "critic_loss": "critic"}
    rows = joined.melt("round", list(losses), "series", "loss").replace({"series": losses})
    apart = float(joined["critic_distance"].iloc[-1])
    return [
        likelihood,
        Chart(
            f"Losses of generator and critic from round {number(int(joined['round'].iloc[0]))} on: "
            f"at the end the critic scores real passages {number(apart, 2)} above composed ones.",
            curves(rows.round(4), "round", "loss", "Losses of generator and critic over rounds."),
        ),
    ]
