"""Analyze sounds: the curves of harmonics and noise of each note."""

import pyarrow.parquet as pq
import torch
from safetensors.torch import save_file

from stages.core.command import Input, command
from stages.core.outputs import Output
from stages.core.progress import progress
from stages.music.player import flac
from stages.music.player.analysis import analyze


@command
def main(*, sounds: Input, curves: Output) -> None:
    """Analyze sounds: the curves of harmonics and noise of each note.

    Args:
        sounds: table of notes
        curves: vectors of their curves, (notes, values), in the order of the table
    """
    torch.set_num_threads(1)
    rows = pq.read_table(sounds, columns=["flac", "pitch_midi"])
    notes = zip(*(column.to_pylist() for column in rows.columns), strict=True)
    vectors = [
        analyze(flac.decode(sound), pitch).to_vectors()
        for sound, pitch in progress(notes, "analyzing sounds", rows.num_rows)
    ]
    # Half precision resolves a tenth of a decibel.
    save_file({"vectors": torch.cat(vectors).half()}, curves.path)
