"""Spectrograms whose colour is the phase."""

import io

import librosa
import numpy as np
from matplotlib import colormaps
from PIL import Image

_WINDOW, _HOP, _ROWS = 2048, 128, 240  # rows: up to 1,875 Hz, at 16,000 samples a second
_RANGE_DB, _GAP = 70.0, 4


def spectrogram(sound: np.ndarray) -> np.ndarray:
    """Return a spectrogram of sound, (rows, columns, 3), the low frequencies at the bottom.

    Brightness is the level in decibels. Colour is the deviation of the instantaneous frequency from
    that of the row, which is steady for a tone, as in Engel et al. 2017 (arXiv:1704.01279).
    """
    spectrum = librosa.stft(sound.astype(np.float32), n_fft=_WINDOW, hop_length=_HOP)[:_ROWS]
    level = librosa.amplitude_to_db(np.abs(spectrum), ref=np.max, top_db=_RANGE_DB)
    turned = np.diff(np.unwrap(np.angle(spectrum), axis=1), axis=1, prepend=0) / (2 * np.pi)
    expected = np.arange(_ROWS)[:, None] * _HOP / _WINDOW
    colour = colormaps["hsv"]((turned - expected) % 1.0)[..., :3]
    picture = colour * (1 + level / _RANGE_DB)[..., None]
    return np.rint(picture[::-1] * 255).astype(np.uint8)


def to_png(rows: list[list[np.ndarray]]) -> bytes:
    """Return pictures of the same size in rows and columns as PNG, with white gaps."""

    def joined(pictures: list[np.ndarray], axis: int) -> np.ndarray:
        widths = [(0, 0)] * 3
        widths[axis] = (0, _GAP)
        return np.concatenate([np.pad(p, widths, constant_values=255) for p in pictures], axis)

    file = io.BytesIO()
    Image.fromarray(joined([joined(row, 1) for row in rows], 0)).save(file, "PNG", optimize=True)
    return file.getvalue()
