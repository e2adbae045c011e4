"""Compose passages and pieces, and render one piece in MIDI and sound."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pydantic import Field

from stages.core.command import Input, command
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.products import use_openblas
from stages.music.composer.drawing import draw, plan, told_of, write
from stages.music.composer.networks import decode
from stages.music.composer.weights import read_composer
from stages.music.contracts import COMPOSITION, SAMPLES
from stages.music.notes.keys import Key, KeyName, transposition
from stages.music.notes.midi import CHURCH_ORGAN, as_tracks, write_midi
from stages.music.notes.pianoroll import read_passages, to_notes, to_samples
from stages.music.notes.synthesis import render, to_wav


class ComposeParams(Params):
    """The section `music.compose`."""

    samples: int = Field(ge=2)
    pieces: int = Field(ge=2)
    bars: int = Field(ge=1)
    key: KeyName
    drafts: int = Field(ge=1)
    temperature: float = Field(ge=0)
    tempo_bpm: float = Field(gt=0)
    seed: int


@command
def main(
    *,
    params: ComposeParams,
    notes: Input,
    pieces: Input,
    composer: Input,
    samples: Table[SAMPLES],
    compositions: Table[SAMPLES],
    composition: Table[COMPOSITION],
    mid: Output,
    wav: Output,
) -> None:
    """Compose passages and pieces, and render one piece in MIDI and sound.

    Args:
        samples: passages, in C major or A minor, as long as those of the training
        compositions: whole pieces, in C major or A minor by turns
        composition: a piece in the key that was asked for
    """
    use_openblas()
    torch.set_num_threads(1)
    generator, critic = read_composer(composer)
    shape = generator.shape
    grid = shape.grid
    rows = pq.read_table(pieces).to_pandas()
    known = read_passages(pq.read_table(notes).to_pandas(), rows[rows["split"] == "train"], grid)
    random = torch.Generator().manual_seed(params.seed)
    how = (params.temperature, params.drafts, random)

    # A passage is told the place in the piece that a passage of the training has.
    places = known.take(
        torch.randint(len(known.minor), (params.samples,), generator=random).numpy()
    )
    passages = decode(draw(generator, critic, told_of(places, shape), *how), shape)
    samples.write(to_samples(passages, places.minor, grid.steps_per_beat))

    # Most pieces of the training close with a note of this length.
    closing = int(np.bincount(known.closing_steps).argmax())
    minor = np.arange(params.pieces) % 2 == 1
    told = plan(shape, minor, params.bars, closing)
    written = write(generator, critic, told, *how, minor)
    compositions.write(to_samples(written, minor, grid.steps_per_beat))

    key = Key.named(params.key)
    first = written.take(np.flatnonzero(minor == (key.mode == "minor"))[:1])
    piece = to_notes(first, grid.steps_per_beat).drop(columns="passage")
    piece = piece.assign(pitch_midi=piece["pitch_midi"] - transposition(key))
    piece = piece.sort_values(["onset_beats", "pitch_midi"], ignore_index=True)
    composition.write(pa.Table.from_pandas(piece, preserve_index=False))
    tracks = as_tracks(piece, params.tempo_bpm, CHURCH_ORGAN)
    mid.path.write_bytes(write_midi(tracks))
    wav.path.write_bytes(to_wav(render(tracks)))
