"""Compose new passages, and render some of them as one piece in MIDI and sound."""

import pandas as pd
import pyarrow as pa
import torch
from pydantic import Field

from stages.core.command import Input, command
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.music.composer.networks import Generator, decode, draw_noise
from stages.music.composer.weights import read_composer
from stages.music.contracts import COMPOSITION, SAMPLES
from stages.music.notes.pianoroll import Roll, to_notes
from stages.music.notes.synthesis import render, to_midi, to_wav


class ComposeParams(Params):
    """The section `music.compose`."""

    samples: int = Field(ge=1)
    passages: int = Field(ge=1)
    temperature: float = Field(ge=0)
    tempo_bpm: float = Field(gt=0)
    seed: int


def draw(generator: Generator, n: int, temperature: float, seed: int) -> Roll:
    """Return `n` passages. At temperature 0, every choice is the most likely one."""
    noise, gumbel = draw_noise(n, generator.shape, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return decode(generator(noise, temperature * gumbel), generator.shape)


def join(notes: pd.DataFrame, passages: int, beats: int) -> pd.DataFrame:
    """Return the first `passages` passages, of `beats` beats each, as one piece."""
    chosen = notes[notes["passage"] < passages]
    onsets = chosen["onset_beats"] + chosen["passage"] * beats
    piece = chosen.assign(onset_beats=onsets).drop(columns="passage")
    return piece.sort_values(["onset_beats", "pitch_midi"], ignore_index=True)


@command
def main(
    *,
    params: ComposeParams,
    composer: Input,
    samples: Table[SAMPLES],
    composition: Table[COMPOSITION],
    mid: Output,
    wav: Output,
) -> None:
    """Compose new passages, and render some of them as one piece in MIDI and sound.

    Args:
        samples: notes of all passages
        composition: notes of the piece
    """
    torch.set_num_threads(1)
    generator = read_composer(composer)
    shape = generator.shape
    count = max(params.samples, params.passages)
    passages = to_notes(
        draw(generator, count, params.temperature, params.seed), shape.steps_per_beat
    )
    piece = join(passages, params.passages, shape.bars * shape.beats_per_bar)
    rendered = to_midi(piece, params.tempo_bpm)
    samples.write(pa.Table.from_pandas(passages, preserve_index=False))
    composition.write(pa.Table.from_pandas(piece, preserve_index=False))
    rendered.write(str(mid.path))
    wav.path.write_bytes(to_wav(render(rendered)))
