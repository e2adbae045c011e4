"""Sounds in tables, as FLAC."""

import io

import numpy as np
import soundfile

from stages.music.player.curves import SAMPLE_RATE_HZ


def encode(samples: np.ndarray) -> bytes:
    """Return samples between -1 and 1 as FLAC of 16 bits.

    At level 0, libFLAC computes with whole numbers only, whose results no processor changes.
    """
    file = io.BytesIO()
    whole = np.rint(samples * 32767).astype(np.int16)
    soundfile.write(file, whole, SAMPLE_RATE_HZ, format="FLAC", compression_level=0.0)
    return file.getvalue()


def decode(flac: bytes) -> np.ndarray:
    """Return the samples, (samples,), in double precision, of a sound that `encode` wrote."""
    return soundfile.read(io.BytesIO(flac))[0]
