"""Notes as spectrograms: levels and instantaneous frequencies in bands on a mel scale.

Networks learn the frequency of a band more easily than its phase, which advances from frame to
frame by an amount that depends on the frequency (Engel et al. 2019, arXiv:1902.08710).
"""

import librosa
import torch
from torch import Tensor
from torch.nn import functional

from stages.music.player.curves import SAMPLE_RATE_HZ, SECONDS

SAMPLES = round(SECONDS * SAMPLE_RATE_HZ)
WINDOW, HOP, BANDS = 1024, 256, 256
FRAMES = SAMPLES // HOP + 1
VALUES = 2 * BANDS * FRAMES
# Quieter bands are silent. Of a sine of amplitude 1, the bands have less than 2 dB together.
QUIETEST_DB, LOUDEST_DB = -110.0, 6.0
# The frequency of a quiet band is hardly heard, and noisy: it counts half at this level.
_FAINT_DB, _FAINT_RANGE_DB = -90.0, 5.0
_LEAST_COUNTED = 0.05
# A frequency that is off the centre of its band by one bin of the spectrum counts as so many dB.
DB_PER_BIN = 3.0
_FULL_SCALE = (WINDOW / 4) ** 2  # power of a sine of amplitude 1 in its bin
_AROUND_PEAK = 5  # bins that a tone fills
_BIN = torch.arange(WINDOW // 2 + 1)
_FILTERS = torch.from_numpy(
    librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=WINDOW, n_mels=BANDS, norm=None)
)  # how much of each bin is in each band, (BANDS, bins)
CENTRES = _FILTERS @ _BIN.float() / _FILTERS.sum(1)  # of the bands, in bins
_NOTES_AT_ONCE = 32


def to_spectrograms(sounds: Tensor) -> Tensor:
    """Return the spectrograms of sounds, (notes, SAMPLES), as vectors, (notes, VALUES).

    Their first half are levels of the bands in dB of a sine of amplitude 1, (BANDS, FRAMES). Their
    second half says how far frequencies are off the centres of the bands, in bins times DB_PER_BIN,
    and nearly 0 in quiet bands.
    """
    return torch.cat([_to_spectrograms(some) for some in sounds.split(_NOTES_AT_ONCE)])


def _to_spectrograms(sounds: Tensor) -> Tensor:
    window = torch.hann_window(WINDOW)
    spectra = torch.stft(sounds, WINDOW, HOP, window=window, return_complex=True)
    power = spectra.abs().square()
    turned = functional.pad(spectra[..., 1:] * spectra[..., :-1].conj(), (1, 0))
    # From the middle of a bin its phase turns by this much more or less, at most by half a turn.
    expected = torch.polar(torch.ones(len(_BIN)), 2 * torch.pi * HOP / WINDOW * _BIN)
    beyond = (turned * expected.conj()[:, None]).angle() / (2 * torch.pi)
    bins = _BIN[:, None] + beyond * WINDOW / HOP
    levels = _FILTERS @ power
    off = _FILTERS @ (power * bins) / levels.clamp(min=1e-12) - CENTRES[:, None]
    level_db = (10 * (levels / _FULL_SCALE).clamp(min=1e-12).log10()).clamp(min=QUIETEST_DB)
    return torch.cat([level_db, DB_PER_BIN * off * _counted(level_db)], dim=1).flatten(1)


def to_sounds(vectors: Tensor) -> Tensor:
    """Return the sounds, (notes, SAMPLES), of the spectrograms that vectors describe."""
    return torch.cat([_to_sounds(some) for some in vectors.split(_NOTES_AT_ONCE)])


def _to_sounds(vectors: Tensor) -> Tensor:
    level_db, off = vectors.unflatten(1, (2, BANDS, FRAMES)).unbind(1)
    level_db = level_db.clamp(max=LOUDEST_DB)
    levels = torch.where(level_db > QUIETEST_DB, 10 ** (level_db / 10), 0.0) * _FULL_SCALE
    power = (_FILTERS / _FILTERS.sum(1, keepdim=True)).T @ levels
    off = off / DB_PER_BIN / _counted(level_db).clamp(min=_LEAST_COUNTED)
    bins = (_FILTERS / _FILTERS.sum(0).clamp(min=1e-6)).T @ (CENTRES[:, None] + off)
    phase = (bins.double() * HOP / WINDOW).cumsum(2) % 1
    # The bins around a peak are one tone: they have its phase, and neighbours are opposite (Laroche
    # and Dolson 1999, "Improved phase vocoder time-scale modification of audio").
    _, peak = functional.max_pool1d(
        power.transpose(1, 2), _AROUND_PEAK, 1, _AROUND_PEAK // 2, return_indices=True
    )
    peak = peak.transpose(1, 2)
    turns = phase.gather(1, peak) + (_BIN[:, None] - peak) / 2
    spectra = torch.polar(power.sqrt(), (2 * torch.pi * (turns % 1)).float())
    return torch.istft(spectra, WINDOW, HOP, window=torch.hann_window(WINDOW), length=SAMPLES)


def _counted(level_db: Tensor) -> Tensor:
    """Return how much the frequency of bands counts, between 0 and 1."""
    return ((level_db - _FAINT_DB) / _FAINT_RANGE_DB).sigmoid()
