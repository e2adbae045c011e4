"""What a note is to the networks of the player: curves of a synthesizer, or a spectrogram."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file
from torch import Tensor

from stages.core.errors import StageError
from stages.music.player import flac
from stages.music.player.curves import Curves
from stages.music.player.spectrograms import to_sounds, to_spectrograms
from stages.music.player.synthesis import render

HARMONIC, SPECTROGRAM = "harmonic", "spectrogram"
REPRESENTATIONS = (HARMONIC, SPECTROGRAM)
NOTES_AT_ONCE = 16


def check_representation(representation: str) -> None:
    """Check that there is a representation of this name.

    Raises:
        StageError: there is not.
    """
    if representation not in REPRESENTATIONS:
        raise StageError(
            f"no representation is called '{representation}'; there are: "
            f"{', '.join(REPRESENTATIONS)}"
        )


def read_vectors(representation: str, sounds: Path, curves: Path) -> Tensor:
    """Return the notes of a table as vectors, (notes, values).

    Args:
        representation: `harmonic` or `spectrogram`
        sounds: table of the notes
        curves: file of their curves
    """
    if representation == HARMONIC:
        return load_file(curves)["vectors"].float()
    notes = pq.read_table(sounds, columns=["flac"])["flac"].to_pylist()
    return to_spectrograms(torch.from_numpy(np.stack([*map(flac.decode, notes)])).float())


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
