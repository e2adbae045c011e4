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
from stages.core.losses import Losses
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.products import use_openblas
from stages.core.raw import InnerPath
from stages.music.composer.drawing import draw, told_of, write
from stages.music.composer.networks import conditions, decode, encode, phrase_ends
from stages.music.composer.weights import read_composer
from stages.music.contracts import COMPOSITION, SAMPLES
from stages.music.notes.keys import Key, find_key, transposition
from stages.music.notes.midi import CHURCH_ORGAN, as_tracks, write_midi
from stages.music.notes.pianoroll import (
    Grid,
    Roll,
    fitting,
    from_notes,
    read_passages,
    sample_table,
    to_notes,
)
from stages.music.notes.synthesis import render, to_wav
from stages.music.notes.voices import number_voices
from stages.music.sources.collection import Source
from stages.music.sources.files import find_files, read_file


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
    losses = Losses()
    files = list(find_files(Source(path=path), raw, losses))
    if len(files) != 1:
        raise StageError(f"{raw / path} has {len(files)} files: give one with the melody")
    try:
        pieces = read_file(files[0], losses)
    except StageError as error:
        raise StageError(f"{raw / path}: {error}") from None
    if not pieces or all(note.is_drum for note in pieces[0].notes):
        raise StageError(f"{raw / path} has no note with a pitch: give a file with a melody")
    piece = pieces[0]
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


def melody_roll(melody: Melody, grid: Grid) -> Roll:
    """Return a melody in C major or A minor as the highest part of a roll of full bars."""
    moved = melody.notes.assign(
        part=1,
        onset_beats=melody.notes["onset_beats"] - melody.pickup_beats,
        pitch_midi=melody.notes["pitch_midi"] + transposition(melody.key),
    )
    end_beats = (moved["onset_beats"] + moved["duration_beats"]).max()
    n_bars = max(1, int(np.ceil(end_beats / grid.beats_per_bar - 1e-6)))
    return from_notes(moved, grid.parts, n_bars * grid.steps_per_bar, grid.steps_per_beat)
