"""The pitch of sounds by a detector that knows nothing of how they were made."""

import librosa
import numpy as np

from stages.music.player.curves import SAMPLE_RATE_HZ

LOWEST_HZ, HIGHEST_HZ = 25.0, 4200.0
_FRAME, _HOP = 2048, 512  # samples


def detect_pitch(sounds: np.ndarray) -> np.ndarray:
    """Return the median pitch of each sound, (sounds,), as a fractional MIDI number.

    YIN (de Cheveigne and Kawahara 2002) finds it in frames of an eighth of a second, in the first
    second.

    Args:
        sounds: notes, (sounds, samples), at SAMPLE_RATE_HZ
    """
    found = librosa.yin(
        sounds[:, :SAMPLE_RATE_HZ],
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        sr=SAMPLE_RATE_HZ,
        frame_length=_FRAME,
        hop_length=_HOP,
    )
    return np.median(librosa.hz_to_midi(found), axis=1)
