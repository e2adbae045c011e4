"""Sound of a note as curves."""

import functools

import librosa
import numpy as np
import torch

from stages.music.player.curves import (
    BANDS,
    FRAMES,
    HARMONICS,
    HOP_SECONDS,
    SAMPLE_RATE_HZ,
    SECONDS,
    SLOT_SECONDS,
    SLOTS,
    Curves,
)
from stages.music.player.synthesis import harmonics, noise

SAMPLES = round(SECONDS * SAMPLE_RATE_HZ)
_HOP = round(HOP_SECONDS * SAMPLE_RATE_HZ)
_STEP = 16  # samples between two looks at a phase, which give a frequency
_LEAST_AMPLITUDE, _LEAST_POWER = 1e-5, 1e-11
_MAX_INHARMONICITY = 0.002
_LOUD = 1 / 200  # of the loudest harmonic; others may be only what leaks from their neighbours
_FIRST_HARMONICS = 8  # which give the deviation of the pitch
# Harmonics reach this many bins of a spectrum to each side. Noise is measured between them.
_REACH_BINS = 3.0
# Spectra with longer windows for lower notes, whose harmonics are closer: (lowest Hz, samples)
_WINDOWS = ((160.0, 1024), (60.0, 2048), (0.0, 4096))


def analyze(sound: np.ndarray, pitch_midi: int) -> Curves:
    """Return the curves of a note, for a batch of one.

    Args:
        sound: the note, (SAMPLES,), at SAMPLE_RATE_HZ
        pitch_midi: its pitch, which may be out of tune by up to half a semitone
    """
    nominal = 440 * 2 ** ((pitch_midi - 69) / 12)
    fundamental, inharmonicity = nominal, 0.0
    for _ in range(2):
        partials, frequencies, tones, ahead = _tones(sound, nominal, fundamental, inharmonicity)
        fundamental, inharmonicity = _tune(partials, frequencies, tones, ahead, nominal)
    partials, frequencies, tones, ahead = _tones(sound, nominal, fundamental, inharmonicity)
    weights = np.abs(tones[:, :_FIRST_HARMONICS]) ** 2 * (
        np.abs(ahead[:, :_FIRST_HARMONICS]) < 0.3 * nominal
    )
    drift = (weights * ahead[:, :_FIRST_HARMONICS] / partials[:_FIRST_HARMONICS]).sum(1)
    drift /= np.maximum(weights.sum(1), 1e-12)
    cents = 1200 * np.log2(np.maximum(fundamental + drift, 0.9 * nominal) / nominal)
    amplitudes = 20 * np.log10(np.maximum(np.abs(tones), _LEAST_AMPLITUDE))
    # Harmonics above half the sample rate are not heard. They continue the curve of the last one.
    missing = HARMONICS - amplitudes.shape[1]
    amplitudes = np.pad(amplitudes, ((0, 0), (0, missing)), mode="edge")
    curves = Curves(
        torch.from_numpy(amplitudes).float()[None],
        torch.zeros(1, FRAMES, BANDS),
        torch.from_numpy(cents).float()[None],
        torch.tensor([inharmonicity], dtype=torch.float32),
        torch.zeros(1, SLOTS),
    )
    pitch = torch.tensor([[float(pitch_midi)]])
    tonal, _ = harmonics(curves, pitch)
    heard = frequencies[: HARMONICS - missing]
    noise_db = torch.from_numpy(_noise(sound, tonal[0].numpy(), nominal, heard)).float()[None]
    whole = tonal + noise(noise_db, torch.Generator().manual_seed(0))
    attack_db = np.clip(_loudness(sound) - _loudness(whole[0].numpy()), -40, 20)
    return curves._replace(noise_db=noise_db, attack_db=torch.from_numpy(attack_db).float()[None])


def _tones(
    sound: np.ndarray, nominal: float, fundamental: float, inharmonicity: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Measure the harmonics of a note in frames.

    Returns:
        Number and frequency of each harmonic below half the sample rate, its complex amplitudes,
        (frames, harmonics), and how much higher than that frequency it is, in Hz, at each
    """
    k = np.arange(1, HARMONICS + 1)
    frequencies = fundamental * k * np.sqrt(1 + inharmonicity * k**2)
    k = k[frequencies < 0.98 * SAMPLE_RATE_HZ / 2]
    frequencies = frequencies[: len(k)]
    # Four periods: the next harmonic falls on a zero of the window's spectrum.
    half = max(round(2 * SAMPLE_RATE_HZ / nominal), 192)
    window = np.hanning(2 * half + 1)[:-1]
    starts = np.arange(FRAMES) * _HOP
    starts = np.concatenate([starts, starts + _STEP])
    padded = np.pad(sound, (half, half + _STEP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)[starts]
    inside = np.pad(np.ones(len(sound)), (half, half + _STEP))
    weights = np.lib.stride_tricks.sliding_window_view(inside, 2 * half)[starts] @ window
    turns = np.outer((np.arange(2 * half) - half) / SAMPLE_RATE_HZ, frequencies)
    waves = window[:, None] * np.exp(-2j * np.pi * turns)
    tones = 2 * (frames @ waves.real + 1j * (frames @ waves.imag)) / weights[:, None]
    now, later = tones[:FRAMES], tones[FRAMES:]
    seconds = _STEP / SAMPLE_RATE_HZ
    turned = later * now.conj() * np.exp(-2j * np.pi * frequencies * seconds)
    return k, frequencies, now, np.angle(turned) / (2 * np.pi * seconds)


def _tune(
    k: np.ndarray, frequencies: np.ndarray, tones: np.ndarray, ahead: np.ndarray, nominal: float
) -> tuple[float, float]:
    """Return the frequency of the fundamental and the inharmonicity.

    (f_k / k)^2 is a line in k^2, fitted to loud harmonics.
    """
    levels = np.abs(tones)
    is_loud = levels > _LOUD * levels.max(axis=1, keepdims=True)
    weights = np.sqrt(levels) * is_loud * (np.abs(ahead) < 0.3 * nominal)
    weights[:3] = 0  # in the attack, frequencies are not settled
    if not weights.any():
        return nominal, 0.0
    x = np.broadcast_to(k.astype(float) ** 2, tones.shape)
    y = ((frequencies + ahead) / k) ** 2
    total = weights.sum()
    mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
    spread = (weights * (x - mean_x) ** 2).sum()
    slope = (weights * (x - mean_x) * (y - mean_y)).sum() / spread if spread > 0 else 0.0
    square = max(mean_y - slope * mean_x, nominal**2 / 4)
    inharmonicity = float(np.clip(slope / square, 0, _MAX_INHARMONICITY))
    square = mean_y / (1 + inharmonicity * mean_x)
    half_semitone = 2 ** (0.5 / 12)
    return (
        float(np.clip(np.sqrt(square), nominal / half_semitone, nominal * half_semitone)),
        inharmonicity,
    )


def _noise(
    sound: np.ndarray, tonal: np.ndarray, nominal: float, frequencies: np.ndarray
) -> np.ndarray:
    """Return the power of noise in decibels, (frames, BANDS), measured between the harmonics.

    Args:
        sound: the note, (samples,)
        tonal: its harmonic part, whose power is not noise
        nominal: frequency of the fundamental
        frequencies: those of the harmonics
    """
    size = next(size for lowest, size in _WINDOWS if nominal >= lowest)
    bins = np.arange(size // 2 + 1) * SAMPLE_RATE_HZ / size
    distance = np.abs(bins[:, None] - frequencies).min(axis=1, initial=np.inf)
    bands = _bands(size) * (distance > _REACH_BINS * SAMPLE_RATE_HZ / size)
    width = bands.sum(axis=1)
    power = (_power(sound, size) - _power(tonal, size)) @ bands.T / np.maximum(width, 1e-9)
    decibels = 10 * np.log10(np.maximum(power, _LEAST_POWER))
    known = width > 0.3
    if not known.any():
        return np.full((FRAMES, BANDS), 10 * np.log10(_LEAST_POWER))
    place = np.arange(BANDS)
    return np.stack([np.interp(place, place[known], row[known]) for row in decibels])


@functools.cache
def _bands(size: int) -> np.ndarray:
    return librosa.filters.mel(
        sr=SAMPLE_RATE_HZ, n_fft=size, n_mels=BANDS, fmin=0, norm=None, dtype=np.float64
    )


def _power(sound: np.ndarray, size: int) -> np.ndarray:
    """Return the power of a sample in each bin, (frames, bins), of spectra around each frame."""
    window = np.hanning(size + 1)[:-1]
    padding = (size // 2, size // 2)
    starts = np.arange(FRAMES) * _HOP
    views = np.lib.stride_tricks.sliding_window_view
    frames = views(np.pad(sound, padding), size)[starts] * window
    inside = views(np.pad(np.ones(len(sound)), padding), size)[starts] @ window**2
    return np.abs(np.fft.rfft(frames)) ** 2 / inside[:, None]


def _loudness(sound: np.ndarray) -> np.ndarray:
    """Return the power of each slot of the attack, in decibels."""
    slot = round(SLOT_SECONDS * SAMPLE_RATE_HZ)
    power = (sound[: SLOTS * slot].reshape(SLOTS, slot) ** 2).mean(axis=1)
    return 10 * np.log10(power + 1e-9)
