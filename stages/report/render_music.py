"""Render the page of the music room."""

import base64
from pathlib import Path

import pandas as pd

from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output
from stages.metrics.collect_notes import CollectNotesMetrics
from stages.metrics.score_composer import Comparison, ScoreComposerMetrics
from stages.report.page.charts import curves, piano_roll
from stages.report.page.content import (
    Audio,
    Block,
    Chart,
    Page,
    Section,
    Table,
    Text,
    number,
    percent,
)
from stages.report.page.html import write_page
from stages.report.page.inputs import read_csv, read_table

REASONS = {
    "not_four_parts": "not for soprano, alto, tenor and bass alone",
    "changing_time_signature": "changes its time signature",
    "duplicate": "the same notes as an earlier one",
}
SCORES = {
    "pitch_class_distance": "distance of pitch-class histograms",
    "in_key_share": "notes in the key",
    "empty_bar_share": "empty bars of a part",
    "consonance": "consonant intervals",
    "polyphony": "pitches sounding at once",
    "notes_per_bar": "notes in a bar, all parts together",
}


def music_page(
    collected: CollectNotesMetrics,
    scored: ScoreComposerMetrics,
    piece: pd.DataFrame,
    audio: Audio,
    curve: pd.DataFrame,
) -> Page:
    """Return the page.

    Args:
        collected: metrics of `collect_notes`.
        scored: metrics of `score_composer`.
        piece: notes of the table `composition`.
        audio: the same piece as sound and as MIDI.
        curve: training curve of the composer.
    """
    return Page(
        "music",
        _verdict(scored.scores),
        [
            Section("A piece", ["compose"], [audio, _piano_roll(piece)]),
            Section("Scores", ["score_composer"], _scores(scored, collected)),
            Section("Training", ["train_composer"], [_training(curve)]),
        ],
    )


@command
def main(
    *,
    collect_notes_metrics: Input,
    score_composer_metrics: Input,
    composition: Input,
    mid: Input,
    wav: Input,
    train_composer_curve: Input,
    page: Output,
    headline: Output,
) -> None:
    """Render the page of the music room, which plays the composed piece."""
    piece = read_table(composition)
    audio = Audio(
        f"{number(len(piece))} notes for four voices, drawn from the generator and played on "
        "an organ of the soundfont that ships with pretty_midi.",
        _data_url("audio/wav", wav),
        _data_url("audio/midi", mid),
    )
    content = music_page(
        read_metrics(collect_notes_metrics, CollectNotesMetrics),
        read_metrics(score_composer_metrics, ScoreComposerMetrics),
        piece,
        audio,
        read_csv(train_composer_curve),
    )
    write_page(content, page, headline)


def _verdict(scores: dict[str, Comparison]) -> str:
    nearer = [row.nearer for row in scores.values()]
    verdict = (
        f"On {nearer.count('composer')} of {len(scores)} scores the composer's passages are closer "
        "to held-out chorales than random notes are."
    )
    beaten = [SCORES[name] for name, row in scores.items() if row.nearer == "random"]
    return f"{verdict} Random notes beat it on: {', '.join(beaten)}." if beaten else verdict


def _piano_roll(piece: pd.DataFrame) -> Chart:
    beats = (piece["onset_beats"] + piece["duration_beats"]).max()
    return Chart(
        f"The same piece as a piano roll: {number(float(beats), 0)} beats, from pitch "
        f"{piece['pitch_midi'].min()} to {piece['pitch_midi'].max()}.",
        piano_roll(piece, "Piano roll of the composed piece, a colour for each part."),
    )


def _scores(scored: ScoreComposerMetrics, collected: CollectNotesMetrics) -> list[Block]:
    rows = [
        [
            SCORES[name],
            *map(number, (row.real, row.composer, row.random)),
            row.nearer,
        ]
        for name, row in scored.scores.items()
    ]
    passages = scored.passages
    return [
        Table(
            f"{number(passages['composer'])} composed passages beside "
            f"{number(passages['real'])} of held-out chorales and "
            f"{number(passages['random'])} of random notes. The last column says whether composed "
            "passages or random notes are nearer to real ones. The scores have no intervals.",
            ["score", "real", "composer", "random", "nearer to real"],
            rows,
        ),
        Text(
            f"The composer learned from {number(collected.pieces['train'])} of "
            f"{number(collected.pieces['total'])} chorales, moved to C major or A minor. "
            f"{percent(scored.distinct_bars)} of its bars are different from each other, and "
            f"{percent(scored.bars_seen_in_training)} occur in the chorales that it learned from."
        ),
        Table(
            "Chorales of music21 that were not used, and why.",
            ["reason", "chorales"],
            [[REASONS[reason], number(n)] for reason, n in collected.dropped.items()],
        ),
    ]


def _training(curve: pd.DataFrame) -> Chart:
    rows = curve.melt("round", ["generator_loss", "discriminator_loss"], "series", "loss")
    rows = rows.assign(series=rows["series"].str.replace("_loss", ""), loss=rows["loss"].round(4))
    last = curve.iloc[-1]
    return Chart(
        f"Losses of both networks over {number(int(last['round']))} rounds: the discriminator "
        f"ends {number(float(last['wasserstein_distance']), 2)} apart on real and composed ones "
        f"(its distance was {number(float(curve['wasserstein_distance'].max()), 2)} at most).",
        curves(rows, "round", "loss", "Losses of generator and discriminator over rounds."),
    )


def _data_url(kind: str, path: Path) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
