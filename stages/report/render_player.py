"""Render the page of the player."""

import io
from pathlib import Path

import pandas as pd
import soundfile

from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output
from stages.core.params import Variants
from stages.metrics.collect_sounds import CollectSoundsMetrics
from stages.metrics.perform import PerformMetrics
from stages.metrics.score_player import KINDS, ScorePlayerMetrics
from stages.report.page.charts import curves
from stages.report.page.content import (
    Audio,
    Block,
    Chart,
    Page,
    Picture,
    Section,
    Sound,
    Sounds,
    Table,
    Text,
    data_url,
    number,
    percent,
)
from stages.report.page.html import write_page
from stages.report.page.inputs import read_curves, read_table, read_tables

NAMES = {
    "player": "player",
    "real": "real",
    "resynthesis": "resynthesis",
    "neighbour": "next pitch",
    "mean": "mean timbre",
    "spectrogram": "player, spectrogram",
    "spectrogram_resynthesis": "resynthesis, spectrogram",
}
OTHERS = ("neighbour", "mean", "spectrogram")  # which the player is compared with in words
MARGIN = 0.08  # of the map, around the outermost timbres


@command
def main(
    *,
    representations: Variants,
    collect_sounds_metrics: Input,
    perform_metrics: Input,
    score_player_metrics: Input,
    train_player: Input,
    train_player_curves: Input,
    timbres: Input,
    gallery: Input,
    spectrograms: Input,
    performance: Input,
    reference: Input,
    real_performance: Input,
    real_reference: Input,
    page: Output,
    headline: Output,
) -> None:
    """Render the page of the player, which plays its performances and timbres."""
    collected = read_metrics(collect_sounds_metrics, CollectSoundsMetrics)
    scored = read_metrics(score_player_metrics, ScorePlayerMetrics)
    sounds = read_table(gallery)
    trainings = read_curves(train_player_curves, representations)
    heard = read_tables(train_player, representations, "heard")
    content = Page(
        "player",
        verdict(scored),
        [
            Section(
                "Performances",
                ["perform"],
                _performances(
                    read_metrics(perform_metrics, PerformMetrics),
                    [performance, reference, real_performance, real_reference],
                ),
            ),
            Section(
                "Timbres", ["name_timbres"], _timbres(read_table(timbres), sounds, scored.walk)
            ),
            Section("Scores", ["score_player"], _scores(scored, sounds, spectrograms)),
            Section(
                "What it learned",
                ["train_player"],
                [b for name in trainings for b in _training(name, trainings[name], heard[name])],
            ),
            Section("Notes to learn from", ["collect_sounds"], [Text(_collected(collected))]),
        ],
    )
    write_page(content, page, headline)


def verdict(scored: ScorePlayerMetrics) -> str:
    """Return in words how the player's notes compare with real ones."""
    player, resynthesis = scored.qualities["player"], scored.qualities["resynthesis"]
    ratio = player.spectral_distance / resynthesis.spectral_distance
    return (
        f"Notes of the player at held-out pitches have the right pitch in "
        f"{percent(player.pitch_accuracy)} of cases, differ from real ones in "
        f"{player.different_bins} of 20 clusters, and are {number(ratio, 1)} times as far from "
        "them as the real notes rendered from their own curves."
    )


def _performances(performed: PerformMetrics, files: list[Path]) -> list[Block]:
    names = performed.timbres
    how = (
        f"in the timbre {names[0]}"
        if len(names) == 1
        else f"gliding from {' through '.join(names[:-1])} to {names[-1]}"
        if performed.arrangement == "glide"
        else f"each track in one of the timbres {', '.join(names)}"
    )
    blocks: list[Block] = []
    for piece, played, by_soundfont in (
        (performed.performance, *files[:2]),
        (performed.real_performance, *files[2:]),
    ):
        drums = {"soundfont": " The soundfont plays the drums.", "none": " Drums are left out."}
        blocks += [
            Audio(
                f"{piece.name}: {number(piece.notes)} notes in {number(piece.seconds, 0)} seconds, "
                f"{how}. Loudness {number(piece.loudness_lufs, 1)} LUFS, true peak "
                f"{number(piece.true_peak_dbfs, 1)} dBFS."
                + (drums[performed.drums] if piece.drum_notes else ""),
                _flac(played),
            ),
            Audio("The same notes, played by the soundfont.", _flac(by_soundfont)),
        ]
    return blocks


def _flac(wav: Path) -> str:
    """Return a WAV file as a URL of FLAC, which is a third smaller."""
    sound, rate_hz = soundfile.read(wav, dtype="int16")
    file = io.BytesIO()
    # At level 0, as in collect_sounds, no processor changes its bytes.
    soundfile.write(file, sound, rate_hz, format="FLAC", compression_level=0.0)
    return data_url("audio/flac", file.getvalue())


def _sound(row: pd.Series, label: str, place: tuple[float, float] | None = None) -> Sound:
    return Sound(label, data_url("audio/flac", row["flac"]), place)


def _timbres(timbres: pd.DataFrame, sounds: pd.DataFrame, ends: tuple[str, str]) -> list[Block]:
    own = sounds[sounds["group"] == "timbre"]
    scaled = own[["x", "y"]] - own[["x", "y"]].min()
    scaled = MARGIN + (1 - 2 * MARGIN) * scaled / scaled.max().clip(lower=1e-9)
    new = set(timbres.loc[timbres["is_new_timbre"], "timbre"])
    buttons = [
        _sound(row, row["name"] + (" (new)" if row["name"] in new else ""), (x, 1 - y))
        for (_, row), (x, y) in zip(own.iterrows(), scaled.to_numpy().tolist(), strict=True)
    ]
    walk = sounds[sounds["group"] == "walk"]
    return [
        Sounds(
            "The latents of known timbres, on the plane in which they differ most. Each button "
            "plays middle C. Timbres marked as new were held out; the nearest latent was sought.",
            buttons,
        ),
        Sounds(
            f"{len(walk)} steps from {ends[0]} to {ends[1]}, whose latents are farthest apart.",
            [_sound(row, row["name"]) for _, row in walk.iterrows()],
        ),
        Table(
            "How well the notes of each latent match the real notes: the root mean square "
            "difference of all curves. These names can be given as music.perform.timbres.",
            ["timbre", "held out", "difference in dB"],
            [
                [row.timbre, "yes" if row.is_new_timbre else "no", number(row.error_db, 1)]
                for row in timbres.itertuples()
            ],
        ),
    ]


def _scores(scored: ScorePlayerMetrics, sounds: pd.DataFrame, pictures: Path) -> list[Block]:
    rows = []
    for kind in (kind for kind in KINDS if kind in scored.qualities):
        own = scored.qualities[kind]
        low, high = (number(value, 0) for value in own.spectral_interval)
        near, far = (number(value, 2) for value in own.frechet_interval)
        least, most = (percent(value) for value in own.pitch_interval)
        rows.append(
            [
                NAMES[kind],
                number(own.different_bins),
                f"{number(own.spectral_distance, 0)} ({low} to {high})",
                f"{number(own.frechet_distance, 2)} ({near} to {far})",
                number(own.inception_score, 1),
                f"{percent(own.pitch_accuracy)} ({least} to {most})",
                number(own.pitch_entropy, 2),
                number(own.diversity, 2),
            ]
        )
    player, real = scored.qualities["player"], scored.qualities["real"]
    pairs = [sounds[sounds["group"] == group] for group in ("player", "nearest")]
    copies = [
        _sound(row, label)
        for place, ((_, new), (_, old)) in enumerate(
            zip(*(part.iterrows() for part in pairs), strict=True), start=1
        )
        for row, label in ((new, f"{place} new"), (old, f"{place} real"))
    ]
    return [
        Table(
            f"{number(player.notes)} notes of the player at held-out pitches beside the real notes "
            "of these pitches. Real: one half of these against the other, "
            f"{number(real.notes)} each. Resynthesis: the real notes rendered from their own "
            "curves. Next pitch: the curves of the real notes of the nearest pitch of the "
            "training, rendered at the pitch. Mean timbre: the mean of these curves over all "
            "timbres. Clusters, Frechet distances and the inception score are those of the paper "
            "on GANSynth (Engel et al. 2019): on spectra, and on the features of a classifier of "
            f"timbres, which names {percent(scored.classifier_accuracy)} of the real notes. YIN "
            "detects the pitches. Brackets are 95% intervals.",
            [
                "notes",
                "different clusters of 20",
                "spectral distance",
                "Frechet distance",
                "inception score",
                "right pitch",
                "entropy of pitches",
                "diversity",
            ],
            rows,
        ),
        Text(_compared(scored)),
        *([Text(_represented(scored))] if "spectrogram" in scored.qualities else []),
        Picture(
            "Four held-out notes as spectrograms: real, rendered from their curves, and notes of "
            "the player at the same pitches. Brightness is the level, colour the phase: a steady "
            "tone keeps its colour.",
            data_url("image/png", pictures.read_bytes()),
            "Spectrograms in three rows of four: horizontal lines are the harmonics of a note.",
        ),
        Sounds(
            "Is it copying? Ten notes of the player, each followed by the real note of the "
            "training that is nearest to it.",
            copies,
        ),
        Table(
            f"The same ten. Half of the player's notes differ by more than "
            f"{number(scored.nearest_distance_db, 1)} dB from the nearest real note of the "
            f"training; half of the held-out real notes by more than "
            f"{number(scored.real_distance_db, 1)} dB.",
            ["note", "pitch", "nearest real note (timbre, key, velocity)", "difference in dB"],
            [
                [str(place), str(one.pitch_midi), one.nearest, number(one.distance_db, 1)]
                for place, one in enumerate(scored.nearest, start=1)
            ],
        ),
    ]


def _compared(scored: ScorePlayerMetrics) -> str:
    new = (
        f", {number(scored.new_error_db, 1)} dB for timbres that it has never heard"
        if scored.new_error_db is not None
        else ""
    )
    accuracy = scored.range_accuracy
    return " ".join(
        [
            _nearer(scored, "spectral", "spectral"),
            _nearer(scored, "frechet", "Frechet"),
            f"Over all pitches of the training, {scored.lowest_pitch} to {scored.highest_pitch}, "
            f"{percent(accuracy['harmonic'])} of its notes have the right pitch; of the real ones, "
            f"{percent(accuracy['real'])}.",
            f"It makes {scored.timbres_made} of {scored.timbres} timbres.",
            f"The latents of known timbres match them within {number(scored.known_error_db, 1)} dB"
            f"{new}.",
            f"While a held note glides from {scored.walk[0]} to {scored.walk[1]}, its spectral "
            f"centroid moves by at most {percent(scored.glide_jump)} of its range from "
            "frame to frame.",
        ]
    )


def _nearer(scored: ScorePlayerMetrics, measure: str, name: str) -> str:
    """Return in words whether the player or each of the others is nearer to real notes."""

    def interval(kind: str) -> tuple[float, float]:
        return getattr(scored.qualities[kind], f"{measure}_interval")

    low, high = interval("player")
    kinds = {"beats": [], "ties with": [], "is beaten by": []}
    for kind in (kind for kind in OTHERS if kind in scored.qualities):
        least, most = interval(kind)
        verb = "beats" if high < least else "is beaten by" if most < low else "ties with"
        kinds[verb].append(f"“{NAMES[kind]}”")
    verdicts = [f"{verb} {' and '.join(names)}" for verb, names in kinds.items() if names]
    return f"By the {name} distance the player {', and '.join(verdicts)}."


def _represented(scored: ScorePlayerMetrics) -> str:
    """Return in words how notes as spectrograms compare with notes as curves."""
    player, resynthesis = (
        scored.qualities[kind] for kind in ("spectrogram", "spectrogram_resynthesis")
    )
    return (
        "The last two rows are of notes as spectrograms (levels and frequencies of bands on a mel "
        "scale), which networks of the same size learned in as many steps, with a classifier of "
        "pitch beside the critic. Their player has the right pitch in "
        f"{percent(player.pitch_accuracy)} of notes at held-out pitches and in "
        f"{percent(scored.range_accuracy['spectrogram'])} at those of the training; real notes "
        f"rendered from their spectrograms in {percent(resynthesis.pitch_accuracy)}. A spectrogram "
        "has a fixed length, and curves are played for any time: pieces are performed with them."
    )


def _training(representation: str, curve: pd.DataFrame, heard: pd.DataFrame) -> list[Block]:
    best = curve.loc[curve["validation_distance"].idxmin()]
    names = {"generator_loss": "generator", "critic_loss": "critic"}
    losses = curve.melt("round", list(names), "series", "loss").replace({"series": names})
    distances = curve.rename(columns={"validation_distance": "distance"}).assign(
        series="validation"
    )
    who = f"The {representation} player"
    rounds = number(int(curve["round"].max()))
    return [
        Sounds(
            f"{who}: three random timbres at four pitches of the training, as it made them at "
            "different times.",
            [_sound(row, f"after {row['percent']}% of the steps") for _, row in heard.iterrows()],
        ),
        Chart(
            f"{who}: Frechet distance from notes of validation pitches, in the components that its "
            "networks work with, whose units are its own. The checkpoint of round "
            f"{number(int(best['round']))} of {rounds} is kept.",
            curves(
                distances[["round", "series", "distance"]].round(4),
                "round",
                "distance",
                "Distance from validation notes over rounds.",
            ),
        ),
        Chart(
            f"{who}: losses of both networks. At the end the critic scores real notes "
            f"{number(float(curve['critic_distance'].iloc[-1]), 2)} above those of the player.",
            curves(losses.round(4), "round", "loss", "Losses of generator and critic over rounds."),
        ),
    ]


def _collected(collected: CollectSoundsMetrics) -> str:
    sounds = collected.sounds
    octaves = "".join(
        f" {name} sounds {abs(shift)} octave{'s' if abs(shift) > 1 else ''} "
        f"{'above' if shift > 0 else 'below'} its keys."
        for name, shift in collected.octaves.items()
    )
    dropped = "; ".join(collected.examples)
    return (
        f"{number(sounds['total'])} notes from {collected.source}: {number(sounds['train'])} for "
        f"the training, and those of every third pitch held out, {number(sounds['validation'])} "
        f"for validation and {number(sounds['test'])} for the test. Timbres: "
        f"{', '.join(collected.timbres)}. Held out whole: "
        f"{', '.join(collected.new_timbres) or 'none'}.{octaves} "
        + (f"Not used: {dropped}." if dropped else "Every note is used.")
    )
