"""Perform pieces with the player, in timbres that are named."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from pydantic import Field

from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output
from stages.core.params import Params
from stages.core.products import use_openblas
from stages.core.raw import InnerPath, find
from stages.metrics.perform import PerformMetrics
from stages.music.notes import synthesis
from stages.music.player.loudness import loudness, normalize, true_peak
from stages.music.player.networks import Generator, read_harmonic_player
from stages.music.player.performance import RATE_HZ, Bends, Glide, play, sustain
from stages.music.sources.files import read_piece
from stages.music.sources.midi import read_midi
from stages.music.sources.piece import Bend, Note, Pedal, Piece

THREADS = 2  # which change no byte: each sample is computed by one
MAX_SECONDS = 1800.0  # whose loudness takes 4.5 GiB of memory


class PerformParams(Params):
    """The section `music.perform`."""

    piece: InnerPath | None
    timbres: list[str] = Field(min_length=1)
    arrangement: Literal["glide", "tracks"]
    drums: Literal["soundfont", "none"]
    release_seconds: float = Field(gt=0, le=10)
    loudness_lufs: float = Field(ge=-70, lt=0)
    seed: int


def find_latents(names: list[str], timbres: pd.DataFrame, section: str) -> torch.Tensor:
    """Return the latents of timbres, (names, latent_size).

    Args:
        names: names in any case
        timbres: table of known timbres
        section: section of params.yaml that has the names

    Raises:
        StageError: a name is not in the table.
    """
    known = {name.casefold(): number for number, name in enumerate(timbres["timbre"])}
    for name in names:
        if name.casefold() not in known:
            near = difflib.get_close_matches(name.casefold(), known, n=1)
            guess = f"did you mean '{timbres['timbre'][known[near[0]]]}'? " if near else ""
            raise StageError(
                f"{section}.timbres: '{name}' is not a known timbre ({guess}known are "
                f"{', '.join(timbres['timbre'])})"
            )
    rows = [known[name.casefold()] for name in names]
    return torch.tensor(np.stack(timbres["latent"].to_numpy()[rows]))


def glides(tracks: list[int], latents: torch.Tensor, seconds: float, how: str) -> dict[int, Glide]:
    """Return how the timbre of each track changes.

    Args:
        tracks: numbers of the tracks
        latents: latents of the timbres that were asked for, in order
        seconds: length of the piece
        how: `glide`: all tracks move from the first timbre to the last; `tracks`: each track takes
            one, in turn
    """
    if how == "tracks":
        return {
            track: Glide(latents[number % len(latents)][None], torch.zeros(1))
            for number, track in enumerate(tracks)
        }
    stations = torch.linspace(0, seconds, len(latents), dtype=torch.double)
    return dict.fromkeys(tracks, Glide(latents, stations))


class Score(NamedTuple):
    """What is performed.

    Attributes:
        name: name of the piece in messages
        notes: table of its notes, with the fields of `Note`
        bends: bends of channels, in order of time
        pedals: movements of pedals, in order of time
    """

    name: str
    notes: pd.DataFrame
    bends: Sequence[Bend] = ()
    pedals: Sequence[Pedal] = ()


def score_of(piece: Piece, name: str) -> Score:
    """Return what is performed of a piece that was read from a file."""
    notes = pd.DataFrame(piece.notes, columns=Note._fields)
    return Score(name, notes, piece.bends, piece.pedals)


def perform(
    score: Score, timbres: pd.DataFrame, generator: Generator, params: PerformParams
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sound of a piece, and that of the soundfont for comparison, (samples, 2).

    Args:
        score: the piece
        timbres: table of known timbres
        generator: the trained player
        params: parameters of the stage

    Raises:
        StageError: the piece has no note with a pitch or is too long, or a timbre is not known.
    """
    rows = score.notes
    notes, drums = rows[~rows["is_drum"]], rows[rows["is_drum"]]
    if notes.empty:
        what = "only drums" if len(drums) else "no notes"
        raise StageError(f"{score.name} has {what}: give a piece with notes that have a pitch")
    seconds = float((rows["onset_seconds"] + rows["duration_seconds"]).max())
    if seconds > MAX_SECONDS:
        raise StageError(
            f"{score.name} lasts {seconds / 60:,.0f} minutes, and pieces of up to "
            f"{MAX_SECONDS / 60:.0f} are performed: cut it"
        )
    latents = find_latents(params.timbres, timbres, params.section)
    played = play(
        sustain(notes, _pedals(score)),
        _bends(score),
        glides(sorted(set(notes["track"])), latents, seconds, params.arrangement),
        generator,
        params.release_seconds,
        params.seed,
    )
    if len(drums) and params.drums == "soundfont":
        beaten = synthesis.play(drums, RATE_HZ)
        missing = max(0, len(beaten) - len(played))
        played = np.pad(played, ((0, missing), (0, 0)))
        played[: len(beaten)] += beaten[:, None]
    reference = np.repeat(synthesis.play(rows, RATE_HZ)[:, None], 2, axis=1)
    return tuple(normalize(sound, RATE_HZ, params.loudness_lufs) for sound in (played, reference))


def _bends(score: Score) -> dict[int, Bends]:
    """Return the bends by channel."""
    rows = pd.DataFrame(score.bends, columns=["channel", "onset_seconds", "semitones"])
    return {
        channel: Bends(own["onset_seconds"].to_numpy(), own["semitones"].to_numpy())
        for channel, own in rows.groupby("channel")
    }


def _pedals(score: Score) -> dict[int, list[tuple[float, float]]]:
    """Return from when and until when the sustain pedal is down, by channel."""
    spans = {}
    for channel in {pedal.channel for pedal in score.pedals}:
        changes = [pedal for pedal in score.pedals if pedal.channel == channel]
        ends = [pedal.onset_seconds for pedal in changes[1:]] + [np.inf]
        spans[channel] = [
            (pedal.onset_seconds, end)
            for pedal, end in zip(changes, ends, strict=True)
            if pedal.is_down
        ]
    return spans


def describe(score: Score, sound: np.ndarray) -> dict[str, Any]:
    """Return what `Performed` says of a piece and its sound, (samples, 2)."""
    drums = int(score.notes["is_drum"].sum())
    found, peak = loudness(sound, RATE_HZ), true_peak(sound)
    return {
        "name": score.name,
        "notes": len(score.notes) - drums,
        "drum_notes": drums,
        "seconds": len(sound) / RATE_HZ,
        "loudness_lufs": found if np.isfinite(found) else None,
        "true_peak_dbfs": float(20 * np.log10(max(peak, 1e-9))),
    }


def held_out(notes: pd.DataFrame, pieces: pd.DataFrame) -> Score:
    """Return the first piece of the test split."""
    row = pieces[pieces["split"] == "test"].iloc[0]
    own = notes[notes["piece_id"] == row["piece_id"]]
    return Score(row["title"], own[list(Note._fields)].reset_index(drop=True))


def check(*, params: PerformParams, raw: Path) -> None:
    """Check that the piece exists."""
    if params.piece is not None:
        find(raw, params.piece)


@command
def main(
    *,
    params: PerformParams,
    raw: Input,
    composition: Input,
    notes: Input,
    pieces: Input,
    player: Input,
    timbres: Input,
    performance: Output,
    reference: Output,
    real_performance: Output,
    real_reference: Output,
    metrics: Output,
) -> None:
    """Perform pieces with the player, in timbres that are named.

    Args:
        raw: folder of your own music
        composition: MIDI file of the composed piece
        performance: the piece that was asked for, or else the composed one
        reference: the same played by the soundfont
        real_performance: a piece of the test split
        real_reference: the same played by the soundfont
    """
    use_openblas()
    torch.set_num_threads(THREADS)
    known, generator = pq.read_table(timbres).to_pandas(), read_harmonic_player(player)
    if params.piece is None:
        first = score_of(read_midi(composition.read_bytes())[0], str(composition))
    else:
        first = score_of(read_piece(params.piece, raw), str(raw / params.piece))
    second = held_out(*(pq.read_table(table).to_pandas() for table in (notes, pieces)))
    described = []
    for score, *outputs in (
        (first, performance, reference),
        (second, real_performance, real_reference),
    ):
        sounds = perform(score, known, generator, params)
        for sound, output in zip(sounds, outputs, strict=True):
            output.path.write_bytes(synthesis.to_wav(sound, RATE_HZ))
        described.append(describe(score, sounds[0]))
    metrics.write_json(
        PerformMetrics(
            timbres=params.timbres,
            arrangement=params.arrangement,
            drums=params.drums,
            performance=described[0],
            real_performance=described[1],
        )
    )
