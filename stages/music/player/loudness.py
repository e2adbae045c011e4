"""The loudness of a piece."""

import numpy as np
import pyloudnorm
from scipy.signal import resample_poly

HIGHEST_PEAK = 10 ** (-1 / 20)  # -1 dBFS
_OVERSAMPLING = 4  # ITU-R BS.1770-5, annex 2
_BLOCK_SECONDS = 0.4  # of sound that a loudness needs


def true_peak(sound: np.ndarray) -> float:
    """Return the highest level of sound, (samples, channels), between its samples, too."""
    return max(
        float(np.abs(resample_poly(channel, _OVERSAMPLING, 1)).max(initial=0.0))
        for channel in sound.T
    )


def loudness(sound: np.ndarray, rate_hz: int) -> float:
    """Return the integrated loudness of sound, (samples, channels), in LUFS (ITU-R BS.1770).

    It is minus infinity for silence. A short sound is measured with silence after it.
    """
    missing = max(0, round(_BLOCK_SECONDS * rate_hz) - len(sound) + 1)
    measured = np.pad(sound, ((0, missing), (0, 0)))
    return float(pyloudnorm.Meter(rate_hz).integrated_loudness(measured))


def normalize(sound: np.ndarray, rate_hz: int, loudness_lufs: float) -> np.ndarray:
    """Return sound, (samples, channels), of a loudness, or quieter if it would clip.

    Silence stays silent.

    Args:
        sound: sound at any level
        rate_hz: samples a second
        loudness_lufs: integrated loudness, below 0
    """
    peak = true_peak(sound)
    if peak == 0:
        return sound
    found = loudness(sound / peak, rate_hz)
    gain = 10 ** ((loudness_lufs - found) / 20) if np.isfinite(found) else HIGHEST_PEAK
    return sound * (min(gain, HIGHEST_PEAK) / peak)
