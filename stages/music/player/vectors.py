"""Notes as vectors, in either representation, and their sound."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor

from stages.music.player import flac
from stages.music.player.curves import Curves
from stages.music.player.representations import HARMONIC, SPECTROGRAM
from stages.music.player.spectrograms import to_sounds, to_spectrograms
from stages.music.player.synthesis import render

NOTES_AT_ONCE = 16


def vectors_of(representation: str, rows: pd.DataFrame, curves: Path) -> Tensor:
    """Return notes as vectors, (notes, values).

    Args:
        representation: `harmonic` or `spectrogram`
        rows: rows of the table of sounds, with its index
        curves: file of the curves of the whole table
    """
    if representation == HARMONIC:
        return load_file(curves)["vectors"][rows.index].float()
    sounds = [flac.decode(sound).astype(np.float32) for sound in rows["flac"]]
    return to_spectrograms(torch.from_numpy(np.stack(sounds)))


def sound_of(representation: str, vectors: Tensor, pitch_midi: np.ndarray, seed: int) -> np.ndarray:
    """Return the sound of the notes that vectors describe, (notes, samples).

    Args:
        representation: `harmonic` or `spectrogram`
        vectors: the notes, (notes, values)
        pitch_midi: their pitches, (notes,), which a spectrogram has in itself
        seed: seed of the noise of a synthesizer
    """
    if representation == SPECTROGRAM:
        return to_sounds(vectors).numpy()
    random = torch.Generator().manual_seed(seed)
    pitches = torch.from_numpy(pitch_midi.astype(np.float32))[:, None]
    parts = zip(vectors.split(NOTES_AT_ONCE), pitches.split(NOTES_AT_ONCE), strict=True)
    return torch.cat(
        [render(Curves.from_vectors(part), pitch, random) for part, pitch in parts]
    ).numpy()
