"""Notes whose harmonics are known, and WAV files of them."""

import wave

import numpy as np

from stages.music.player.curves import SAMPLE_RATE_HZ
from stages.music.player.sources import SAMPLES


def tone(pitch, inharmonicity=0.0, harmonics=10, noise=0.0):
    """Return a note whose harmonics are known, (SAMPLES,)."""
    time = np.arange(SAMPLES) / SAMPLE_RATE_HZ
    k = np.arange(1, harmonics + 1)
    hz = 440 * 2 ** ((pitch - 69) / 12) * k * np.sqrt(1 + inharmonicity * k**2)
    levels = 0.2 * 10 ** (-6 * (k - 1) / 20)
    sound = (levels[:, None] * np.sin(2 * np.pi * hz[:, None] * time + k[:, None])).sum(0)
    return sound + noise * np.random.default_rng(0).standard_normal(SAMPLES)


def write_wav(path, sound, rate_hz=SAMPLE_RATE_HZ, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as wav:
        wav.setparams((channels, 2, rate_hz, 0, "NONE", ""))
        wav.writeframes(np.rint(np.repeat(sound, channels) * 32767).astype("<i2").tobytes())
