"""The page of the music room."""

import base64
from pathlib import Path

import pandas as pd

from stages.report.charts import curves, piano_roll
from stages.report.content import Audio, Chart, Page, Section, Table, Text, not_run, number, percent
from stages.report.inputs import Inputs

TITLE = "Music"
REASONS = {
    "not_four_parts": "not for soprano, alto, tenor and bass alone",
    "changing_time_signature": "changes its time signature",
    "duplicate": "the same notes as one before",
}
SCORES = {
    "pitch_class_distance": "distance of pitch-class histograms",
    "in_key_share": "notes in the key",
    "empty_bar_share": "empty bars of a part",
    "consonance": "consonant intervals",
    "polyphony": "pitches that sound at once",
    "notes_per_bar": "notes in a bar, all parts together",
}


def build(inputs: Inputs) -> Page:
    """Return the page."""
    scored, collected = inputs.metric("score_composer"), inputs.metric("collect_notes")
    piece = inputs.table("music", "composition")
    wav, midi = (inputs.data["music"] / f"composition.{ending}" for ending in ("wav", "mid"))
    curve = inputs.curves / "train_composer.csv"
    if not (scored and collected) or piece is None or not (wav.exists() and curve.exists()):
        return not_run("music", TITLE)
    return Page(
        "music",
        TITLE,
        _verdict(scored["scores"]),
        [
            Section("A piece", ["compose"], _piece(piece, wav, midi)),
            Section("Scores", ["score_composer"], _scores(scored, collected)),
            Section("Training", ["train_composer"], [_training(pd.read_csv(curve))]),
        ],
    )


def _verdict(scores: dict) -> str:
    nearer = [row["nearer"] for row in scores.values()]
    verdict = (
        f"On {nearer.count('composer')} of {len(scores)} scores the composer's passages are closer "
        "to held-out chorales than random notes are."
    )
    beaten = [SCORES[name] for name, row in scores.items() if row["nearer"] == "random"]
    return f"{verdict} Random notes beat it on: {', '.join(beaten)}." if beaten else verdict


def _piece(piece: pd.DataFrame, wav: Path, midi: Path) -> list:
    beats = (piece["onset_beats"] + piece["duration_beats"]).max()
    return [
        Audio(
            f"{number(len(piece))} notes for four voices, drawn from the generator and played by "
            "an organ of the soundfont that ships with pretty_midi.",
            _data_address("audio/wav", wav),
            _data_address("audio/midi", midi),
        ),
        Chart(
            f"The same piece as a piano-roll: {number(float(beats), 0)} beats, from pitch "
            f"{piece['pitch_midi'].min()} to {piece['pitch_midi'].max()}.",
            piano_roll(piece, "Piano-roll of the composed piece, a colour for each part."),
        ),
    ]


def _scores(scored: dict, collected: dict) -> list:
    rows = [
        [
            SCORES[name],
            *(number(row[kind]) for kind in ("real", "composer", "random")),
            row["nearer"],
        ]
        for name, row in scored["scores"].items()
    ]
    passages = scored["passages"]
    return [
        Table(
            f"{number(passages['composer'])} composed passages beside "
            f"{number(passages['real'])} of held-out chorales and as many of random notes as were "
            "composed; the last column says which of the two is nearer to real. The scores have no "
            "intervals. A random passage has as many notes as a real one, less those cut off by "
            "others.",
            ["score", "real", "composer", "random", "nearer to real"],
            rows,
        ),
        Text(
            f"The composer learned from {number(collected['pieces']['train'])} of "
            f"{number(collected['pieces']['total'])} chorales, moved to C major or A minor. "
            f"{percent(scored['distinct_bars'])} of its bars are different from each other, and "
            f"{percent(scored['bars_seen_in_training'])} stand in the chorales that it learned "
            "from."
        ),
        Table(
            "Chorales of music21 that are not used, and why.",
            ["reason", "chorales"],
            [[REASONS[reason], number(n)] for reason, n in collected["dropped"].items()],
        ),
    ]


def _training(curve: pd.DataFrame) -> Chart:
    rows = curve.melt("round", ["generator_loss", "discriminator_loss"], "series", "loss")
    rows = rows.assign(series=rows["series"].str.replace("_loss", ""), loss=rows["loss"].round(4))
    last = curve.iloc[-1]
    return Chart(
        f"Losses of both networks over {number(int(last['round']))} rounds: the discriminator "
        f"ends {number(float(last['wasserstein_distance']), 2)} apart on real and made passages "
        f"(its distance was {number(float(curve['wasserstein_distance'].max()), 2)} at most).",
        curves(rows, "round", "loss", "Losses of generator and discriminator over rounds."),
    )


def _data_address(kind: str, path: Path) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
