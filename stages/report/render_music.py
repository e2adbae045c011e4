"""Render the page of the music room."""

from pathlib import Path

import pandas as pd

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
            collection_section(collected, read_table(pieces), read_table(notes)),
        ],
    )
    write_page(content, page, headline)


def _heard(piece: pd.DataFrame, caption: str, mid: Path, wav: Path) -> list[Block]:
    beats = (piece["onset_beats"] + piece["duration_beats"]).max()
    return [
        Audio(
            caption,
            data_url("audio/wav", wav.read_bytes()),
            data_url("audio/midi", mid.read_bytes()),
            mid.name,
        ),
        Chart(
            f"The same piece as a piano roll: {number(float(beats), 0)} quarter notes, from pitch "
            f"{piece['pitch_midi'].min()} to {piece['pitch_midi'].max()}.",
            piano_roll(piece, "Piano roll of the piece, a colour for each part."),
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
