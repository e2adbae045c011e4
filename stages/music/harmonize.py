"""Harmonize given melodies: those of held-out passages, and one of a whole piece."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pydantic import Field

from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.products import use_openblas
from stages.core.raw import InnerPath, find
from stages.music.composer.drawing import draw, told_of, write
from stages.music.composer.networks import (
    Critic,
    Generator,
    conditions,
    decode,
    encode,
    phrase_ends,
)
from stages.music.composer.weights import read_composer
from stages.music.contracts import COMPOSITION, SAMPLES
from stages.music.notes.keys import Key, find_key, transposition
from stages.music.notes.midi import CHURCH_ORGAN, as_tracks, write_midi
from stages.music.notes.pianoroll import (
    Grid,
    fitting,
    from_notes,
    read_passages,
    to_notes,
    to_samples,
)
from stages.music.notes.synthesis import render, to_wav
from stages.music.notes.voices import number_voices
from stages.music.sources.files import read_piece


class HarmonizeParams(Params):
    """The section `music.harmonize`."""

    melody: InnerPath | None
    drafts: int = Field(ge=1)
    temperature: float = Field(ge=0)
    tempo_bpm: float = Field(gt=0)
    seed: int


class Melody(NamedTuple):
    """A melody.

    Attributes:
        notes: its notes in columns onset_beats, duration_beats, pitch_midi
        key: its key
        pickup_beats: quarter notes before the first full bar
    """

    notes: pd.DataFrame
    key: Key
    pickup_beats: float


def read_melody(path: str, raw: Path, grid: Grid) -> Melody:
    """Return the highest part of the piece in a file.

    Args:
        path: path of the file in `raw`
        raw: folder of the user's own music
        grid: grid of the composer, whose metre the piece has to have

    Raises:
        StageError: the file is missing, is not music, has no note with a pitch, or has another
            metre than the composer writes.
    """
    piece = read_piece(path, raw)
    if all(note.is_drum for note in piece.notes):
        raise StageError(f"{raw / path} has no note with a pitch: give a file with a melody")
    if piece.metres[0].beats_per_bar != grid.beats_per_bar:
        metre = piece.metres[0]
        raise StageError(
            f"{raw / path} is in {metre.numerator}/{metre.denominator}, but the composer writes "
            f"bars of {grid.beats_per_bar:g} quarter notes: give a melody in this metre"
        )
    rows = [
        (note.onset_beats, note.duration_beats, note.pitch_midi)
        for note, part in zip(piece.notes, number_voices(piece.notes), strict=True)
        if part == 1
    ]
    notes = pd.DataFrame(rows, columns=["onset_beats", "duration_beats", "pitch_midi"])
    return Melody(notes, find_key(piece.notes), piece.pickup_beats)


def held_out_melody(notes: pd.DataFrame, pieces: pd.DataFrame, grid: Grid) -> Melody:
    """Return the highest part of the first piece that fits the grid."""
    piece = fitting(pieces, grid).iloc[0]
    own = notes[(notes["piece_id"] == piece["piece_id"]) & (notes["part"] == 1)]
    key = Key(int(piece["tonic_pitch_class"]), piece["mode"])
    columns = ["onset_beats", "duration_beats", "pitch_midi"]
    return Melody(own[columns].reset_index(drop=True), key, float(piece["pickup_beats"]))


def harmonize(
    melody: Melody, generator: Generator, critic: Critic, params: HarmonizeParams
) -> pd.DataFrame:
    """Return a melody, note for note, with parts below it.

    Args:
        melody: the melody
        generator: writes the parts
        critic: chooses among drafts of them
        params: how to draw

    Returns:
        Notes in columns part, onset_beats, duration_beats, pitch_midi
    """
    grid, shift = generator.shape.grid, transposition(melody.key)
    # A pickup stands at the end of a bar.
    lead = grid.beats_per_bar - melody.pickup_beats if melody.pickup_beats else 0.0
    moved = melody.notes.assign(
        part=1,
        onset_beats=melody.notes["onset_beats"] + lead,
        pitch_midi=melody.notes["pitch_midi"] + shift,
    )
    end_beats = (moved["onset_beats"] + moved["duration_beats"]).max()
    n_bars = max(1, int(np.ceil(end_beats / grid.beats_per_bar - 1e-6)))
    roll = from_notes(moved, grid.parts, n_bars * grid.steps_per_bar, grid.steps_per_beat)
    last = moved["onset_beats"].max()
    closing = round((n_bars * grid.beats_per_bar - last) * grid.steps_per_beat)
    minor = np.array([melody.key.mode == "minor"])
    told = conditions(
        generator.shape,
        minor,
        np.array([-1 if lead else 0]),
        np.array([0]),
        np.array([closing]),
        phrase_ends(roll, grid.steps_per_bar),
    )
    random = torch.Generator().manual_seed(params.seed)
    given = encode(roll, generator.shape)[:, 0]
    how = (params.temperature, params.drafts, random)
    written = write(generator, critic, told, *how, minor, given)
    below = to_notes(written, grid.steps_per_beat)
    below = below[(below["part"] > 1) & (below["onset_beats"] >= lead)]
    below = below.assign(
        onset_beats=below["onset_beats"] - lead, pitch_midi=below["pitch_midi"] - shift
    )
    whole = pd.concat([melody.notes.assign(part=1), below[["part", *melody.notes]]])
    whole = whole[["part", *melody.notes]].astype({"part": "int32", "pitch_midi": "int32"})
    return whole.sort_values(["onset_beats", "part"], ignore_index=True)


def check(*, params: HarmonizeParams, raw: Path) -> None:
    """Check that the file with the melody exists."""
    if params.melody is not None:
        find(raw, params.melody)


@command
def main(
    *,
    params: HarmonizeParams,
    notes: Input,
    pieces: Input,
    raw: Input,
    composer: Input,
    harmonizations: Table[SAMPLES],
    harmonization: Table[COMPOSITION],
    mid: Output,
    wav: Output,
) -> None:
    """Harmonize given melodies: those of held-out passages, and one of a whole piece.

    Args:
        raw: folder of your own music
        harmonizations: the melodies of all passages of the test split with parts below them, in C
            major or A minor
        harmonization: the melody that was asked for, or that of the first piece of the test split
    """
    use_openblas()
    torch.set_num_threads(1)
    generator, critic = read_composer(composer)
    shape, grid = generator.shape, generator.shape.grid
    rows, note_rows = (pq.read_table(table).to_pandas() for table in (pieces, notes))
    test = rows[rows["split"] == "test"]
    held_out = read_passages(note_rows, test, grid)
    if not len(held_out.minor):
        raise StageError(
            f"{pieces} has no test piece in {grid.parts} parts of {grid.bars} bars of "
            f"{grid.beats_per_bar:g} quarter notes: collect more music or lower "
            "music.train_composer.bars"
        )
    random = torch.Generator().manual_seed(params.seed)
    choices = draw(
        generator,
        critic,
        told_of(held_out, shape),
        params.temperature,
        params.drafts,
        random,
        melody=encode(held_out.roll, shape)[:, 0],
    )
    written = decode(choices, shape)
    # The melody as it was given: its pitches may lie beyond the range of the training.
    written.pitches[:, 0], written.onsets[:, 0] = (
        held_out.roll.pitches[:, 0],
        held_out.roll.onsets[:, 0],
    )
    harmonizations.write(to_samples(written, held_out.minor, grid.steps_per_beat))
    if params.melody is None:
        melody = held_out_melody(note_rows, test, grid)
    else:
        melody = read_melody(params.melody, raw, grid)
    whole = harmonize(melody, generator, critic, params)
    harmonization.write(pa.Table.from_pandas(whole, preserve_index=False))
    tracks = as_tracks(whole, params.tempo_bpm, CHURCH_ORGAN)
    mid.path.write_bytes(write_midi(tracks))
    wav.path.write_bytes(to_wav(render(tracks)))
