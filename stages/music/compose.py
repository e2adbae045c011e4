"""Compose: draw passages from the composer, and set some of them as MIDI and as sound."""

import argparse
from pathlib import Path

import pandas as pd
import pyarrow as pa
import torch
from pydantic import Field

from stages.core.outputs import Outputs
from stages.core.params import Params, load
from stages.music.composer import Generator, decode, draw_noise, read_composer
from stages.music.contracts import COMPOSITION, SAMPLES
from stages.music.pianoroll import Roll, to_notes
from stages.music.synthesis import render, to_midi, to_wav


class ComposeParams(Params):
    """The section `music.compose`."""

    samples: int = Field(ge=1)
    passages: int = Field(ge=1)
    temperature: float = Field(ge=0)
    tempo_bpm: float = Field(gt=0)
    seed: int


def draw(generator: Generator, n: int, temperature: float, seed: int) -> Roll:
    """Return `n` passages; at a temperature of 0 every choice is the likeliest."""
    noise, gumbel = draw_noise(n, generator.shape, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return decode(generator(noise, temperature * gumbel), generator.shape)


def join(notes: pd.DataFrame, passages: int, beats: int) -> pd.DataFrame:
    """Return the first `passages` passages of `beats` beats each as one piece."""
    chosen = notes[notes["passage"] < passages]
    onsets = chosen["onset_beats"] + chosen["passage"] * beats
    piece = chosen.assign(onset_beats=onsets).drop(columns="passage")
    return piece.sort_values(["onset_beats", "pitch_midi"], ignore_index=True)


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, compose, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("composer", type=Path)
    parser.add_argument("samples", type=Path)
    parser.add_argument("composition", type=Path)
    parser.add_argument("midi", type=Path)
    parser.add_argument("wav", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, ComposeParams)

    torch.set_num_threads(1)
    generator = read_composer(args.composer)
    shape = generator.shape
    count = max(params.samples, params.passages)
    samples = to_notes(
        draw(generator, count, params.temperature, params.seed), shape.steps_per_beat
    )
    piece = join(samples, params.passages, shape.bars * shape.beats_per_bar)
    midi = to_midi(piece, params.tempo_bpm)
    with Outputs(args.validation) as outputs:
        outputs.table(args.samples, SAMPLES, pa.Table.from_pandas(samples, preserve_index=False))
        outputs.table(
            args.composition, COMPOSITION, pa.Table.from_pandas(piece, preserve_index=False)
        )
        midi.write(str(outputs.aside(args.midi)))
        outputs.aside(args.wav).write_bytes(to_wav(render(midi)))
