"""Curves as sound: sines for the harmonics, and filtered noise. All of it is differentiable."""

import functools
import math

import librosa
import torch
from torch import Tensor
from torch.nn import functional

from stages.music.player.curves import (
    BANDS,
    HARMONICS,
    HOP_SECONDS,
    QUIETEST_BAND_DB,
    QUIETEST_HARMONIC_DB,
    SAMPLE_RATE_HZ,
    SLOT_SECONDS,
    SLOTS,
    Curves,
    frequency_hz,
)

# Harmonics start at phases that are drawn once: at equal phases a note would start with a click.
_PHASES = torch.rand(HARMONICS, generator=torch.Generator().manual_seed(0))
_BELOW_HALF = 0.98  # of half the sample rate, where harmonics end
BAND_HZ = torch.from_numpy(
    librosa.mel_frequencies(BANDS + 2, fmin=0.0, fmax=SAMPLE_RATE_HZ / 2)[1:-1].copy()
)


def render(
    curves: Curves, pitch_midi: Tensor, random: torch.Generator, rate_hz: int = SAMPLE_RATE_HZ
) -> Tensor:
    """Return the sound of notes, (notes, samples), from their first frame to one after the last.

    Args:
        curves: curves of the notes, of any number of frames
        pitch_midi: pitch in each frame, (notes, frames) or (notes, 1)
        random: draws the noise
        rate_hz: samples a second
    """
    sound, _ = harmonics(curves, pitch_midi, rate_hz)
    sound = sound + noise(curves.noise_db, random, rate_hz)
    return attack(sound, curves.attack_db, rate_hz)


def harmonics(
    curves: Curves,
    pitch_midi: Tensor,
    rate_hz: int = SAMPLE_RATE_HZ,
    turns: Tensor | float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Return the harmonic part of notes. Harmonics above half the sample rate are left out.

    Args:
        curves: curves of the notes, of any number of frames
        pitch_midi: pitch in each frame, (notes, frames) or (notes, 1)
        rate_hz: samples a second
        turns: turns of the fundamentals before the first sample, (notes, 1)

    Returns:
        Sound, (notes, samples), and the turns before each frame and after the last one,
        (notes, frames + 1)
    """
    hop = round(HOP_SECONDS * rate_hz)
    fundamental = frequency_hz(pitch_midi + curves.cents / 100).double()  # (notes, frames)
    ratios = curves.ratios()
    quietest = 10 ** (QUIETEST_HARMONIC_DB / 20)
    amplitudes = functional.relu(10 ** (curves.amplitudes_db / 20) - quietest)
    # Harmonics above half of SAMPLE_RATE_HZ are never learned. A fundamental may be higher.
    highest = torch.full((HARMONICS,), _BELOW_HALF * min(rate_hz, SAMPLE_RATE_HZ) / 2)
    highest[0] = _BELOW_HALF * rate_hz / 2
    is_audible = fundamental[:, :, None] * ratios[:, None] < highest
    amplitudes = (amplitudes * is_audible).transpose(1, 2)  # (notes, harmonics, frames)
    # The frequency changes in lines between the frames. Turns are summed in double precision from
    # frame to frame, because a float would have no accurate phases after a second of high notes.
    change = torch.diff(fundamental, dim=1, append=fundamental[:, -1:])
    of_frames = (fundamental * hop + change * (hop - 1) / 2) / rate_hz
    before = turns + torch.cat([torch.zeros_like(of_frames[:, :1]), of_frames.cumsum(1)], dim=1)
    sample = torch.arange(hop, dtype=torch.double)
    angles = (
        2
        * math.pi
        / rate_hz
        * (
            fundamental[:, :, None] * (sample + 1)
            + change[:, :, None] / hop * sample * (sample + 1) / 2
        ).to(amplitudes.dtype)
    )  # (notes, frames, hop)
    sound = torch.zeros_like(angles)
    for k in amplitudes.detach().amax((0, 2)).nonzero()[:, 0].tolist():
        ratio = ratios[:, k : k + 1]
        start = (before[:, :-1] * ratio + _PHASES[k]).frac().to(amplitudes.dtype)
        phases = torch.addcmul(2 * math.pi * start[:, :, None], angles, ratio[:, :, None])
        sound = torch.addcmul(sound, _between(amplitudes[:, k], hop), phases.sin())
    return sound.flatten(1), before


def noise(noise_db: Tensor, random: torch.Generator, rate_hz: int = SAMPLE_RATE_HZ) -> Tensor:
    """Return white noise with the power of bands, (notes, samples).

    Args:
        noise_db: power of a sample in each band, (notes, frames, BANDS)
        random: draws the noise
        rate_hz: samples a second
    """
    hop = round(HOP_SECONDS * rate_hz)
    noise_db = torch.cat([noise_db, noise_db[:, -1:]], dim=1)  # heard until one after the last
    n, frames, _ = noise_db.shape
    quietest = 10 ** (QUIETEST_BAND_DB / 20)
    gains = functional.relu(10 ** (noise_db @ _bins_of_bands(hop, rate_hz) / 20) - quietest)
    gains = gains * (torch.arange(2 * hop + 1) * rate_hz / (4 * hop) <= SAMPLE_RATE_HZ / 2)
    # Windows of two hops around each frame, whose squares sum to 1.
    window = torch.sin(math.pi * (torch.arange(2 * hop) + 0.5) / (2 * hop))
    white = torch.randn(n, (frames + 1) * hop, generator=random).unfold(1, 2 * hop, hop)
    filtered = torch.fft.irfft(torch.fft.rfft(white * window, 4 * hop) * gains, 4 * hop)
    parts = filtered.transpose(1, 2)  # (notes, samples of a frame, frames)
    total = functional.fold(parts, (1, (frames + 3) * hop), (1, 4 * hop), stride=(1, hop))
    return total[:, 0, 0, hop : frames * hop]


def attack(sound: Tensor, attack_db: Tensor, rate_hz: int = SAMPLE_RATE_HZ) -> Tensor:
    """Return sound, (notes, samples), with the gain of its attack, (notes, SLOTS)."""
    slot = round(SLOT_SECONDS * rate_hz)
    n = min(SLOTS * slot, sound.shape[1])
    gains = functional.interpolate(
        attack_db[:, None], size=SLOTS * slot, mode="linear", align_corners=False
    )[:, 0, :n]
    return torch.cat([sound[:, :n] * 10 ** (gains / 20), sound[:, n:]], dim=1)


def _between(values: Tensor, hop: int) -> Tensor:
    """Return values at samples, (notes, frames, hop), from those at frames, (notes, frames)."""
    following = torch.cat([values[:, 1:], values[:, -1:]], dim=1)
    share = torch.arange(hop, dtype=values.dtype) / hop
    return torch.lerp(values[:, :, None], following[:, :, None], share)


@functools.cache
def _bins_of_bands(hop: int, rate_hz: int) -> Tensor:
    """Return the share of each band in each bin of the filter, (BANDS, bins), on the mel scale."""
    bins = torch.from_numpy(librosa.hz_to_mel(torch.arange(2 * hop + 1) * rate_hz / (4 * hop)))
    centres = torch.from_numpy(librosa.hz_to_mel(BAND_HZ.numpy()))
    place = torch.searchsorted(centres, bins).clamp(1, BANDS - 1)
    low, high = centres[place - 1], centres[place]
    share = ((bins - low) / (high - low)).clamp(0, 1)
    rows = torch.zeros(BANDS, len(bins), dtype=torch.double)
    rows[place - 1, torch.arange(len(bins))] = 1 - share
    rows[place, torch.arange(len(bins))] += share
    return rows.float()
