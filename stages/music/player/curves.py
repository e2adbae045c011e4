"""The curves of a note: what a synthesizer of harmonics and filtered noise needs to play it.

Serra and Smith 1990 ("Spectral modeling synthesis") split sounds into sines and noise; Engel et al.
2020 (arXiv:2001.04643) let networks control such a synthesizer.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SAMPLE_RATE_HZ = 16_000
FRAMES, HARMONICS, BANDS = 48, 60, 24
HOP_SECONDS = 1 / 32  # from frame to frame
SECONDS = FRAMES * HOP_SECONDS
SLOTS, SLOT_SECONDS = 16, 0.004  # of the attack

# Quieter harmonics and bands are silent, in dB below full scale.
QUIETEST_HARMONIC_DB, QUIETEST_BAND_DB = -84.0, -90.0
# Differences of 2 cents, and of a third of a decibel in the inharmonicity, count as 1 dB.
_PER_CENT, _PER_INHARMONICITY_DB = 0.5, 3.0
_LEAST_INHARMONICITY = 3e-6
VALUES = FRAMES * (HARMONICS + BANDS + 1) + 1 + SLOTS


class Curves(NamedTuple):
    """The curves of notes.

    Attributes:
        amplitudes_db: amplitude of each harmonic, (notes, frames, HARMONICS)
        noise_db: power of a sample of noise in each band, (notes, frames, BANDS)
        cents: deviation of the pitch, (notes, frames)
        inharmonicity: b, where harmonic k has k * sqrt(1 + b * k^2) times the frequency of the
            fundamental (Fletcher and Rossing 1998, equation 2.67b), (notes,)
        attack_db: gain of everything in each slot of the attack, (notes, SLOTS)
    """

    amplitudes_db: Tensor
    noise_db: Tensor
    cents: Tensor
    inharmonicity: Tensor
    attack_db: Tensor

    def ratios(self) -> Tensor:
        """Return the frequency of each harmonic over that of the first, (notes, harmonics)."""
        k = torch.arange(1, HARMONICS + 1)
        return k * (1 + self.inharmonicity[:, None] * k**2).sqrt()

    def to_vectors(self) -> Tensor:
        """Return the curves as vectors, (notes, VALUES), whose differences are like decibels."""
        inharmonicity_db = 10 * (self.inharmonicity + _LEAST_INHARMONICITY).log10()
        parts = [
            self.amplitudes_db.clamp(min=QUIETEST_HARMONIC_DB).flatten(1),
            self.noise_db.clamp(min=QUIETEST_BAND_DB).flatten(1),
            self.cents * _PER_CENT,
            inharmonicity_db[:, None] * _PER_INHARMONICITY_DB,
            self.attack_db,
        ]
        return torch.cat(parts, dim=1)

    @classmethod
    def from_vectors(cls, vectors: Tensor) -> "Curves":
        """Return the curves that vectors, (notes, VALUES), describe."""
        sizes = [FRAMES * HARMONICS, FRAMES * BANDS, FRAMES, 1, SLOTS]
        amplitudes, noise, cents, inharmonicity_db, attack = vectors.split(sizes, dim=1)
        inharmonicity = 10 ** (inharmonicity_db[:, 0] / _PER_INHARMONICITY_DB / 10)
        return cls(
            amplitudes.unflatten(1, (FRAMES, HARMONICS)),
            noise.unflatten(1, (FRAMES, BANDS)),
            cents / _PER_CENT,
            functional.relu(inharmonicity - _LEAST_INHARMONICITY),
            attack,
        )


def frequency_hz(pitch_midi: Tensor) -> Tensor:
    """Return the frequency of pitches, of which 69 is 440 Hz."""
    return 440 * 2 ** ((pitch_midi - 69) / 12)
