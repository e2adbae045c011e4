"""Features of sounds: their spectra, and those of a classifier of timbres."""

from collections.abc import Callable

import librosa
import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional

from stages.music.player.curves import SAMPLE_RATE_HZ

MELS, _WINDOW, _HOP = 64, 1024, 512
_QUIETEST = 1e-6  # power of a band
_COMPONENTS = 24  # of the spectra
_HIDDEN, FEATURES = 128, 24
_BATCH, _STEPS, _LEARNING_RATE = 128, 400, 0.002
_SOUNDS_AT_ONCE = 64


class Judge:
    """A classifier of the timbres of real notes.

    Args:
        spectra: spectra of real notes, (notes, values)
        timbres: number of the timbre of each, (notes,)
        seed: seed of the training
    """

    def __init__(self, spectra: np.ndarray, timbres: np.ndarray, seed: int):
        torch.manual_seed(seed)
        inputs = torch.from_numpy(spectra).float()
        targets = torch.from_numpy(timbres)
        self.mean, self.deviation = inputs.mean(0), inputs.std(0) + 0.1
        self.body = nn.Sequential(
            nn.Linear(inputs.shape[1], _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, FEATURES), nn.Tanh()
        )
        self.head = nn.Linear(FEATURES, int(targets.max()) + 1)
        weights = [*self.body.parameters(), *self.head.parameters()]
        optimizer = torch.optim.Adam(weights, _LEARNING_RATE, fused=True)
        for _ in range(_STEPS):
            index = torch.randint(len(inputs), (_BATCH,))
            logits = self.head(self._body(inputs[index]))
            loss = functional.cross_entropy(logits, targets[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def features(self, spectra: np.ndarray) -> np.ndarray:
        """Return the features of notes, (notes, FEATURES)."""
        with torch.no_grad():
            return self._body(torch.from_numpy(spectra).float()).double().numpy()

    def probabilities(self, spectra: np.ndarray) -> np.ndarray:
        """Return how likely each timbre is, (notes, timbres)."""
        with torch.no_grad():
            logits = self.head(self._body(torch.from_numpy(spectra).float()))
            return logits.double().softmax(1).numpy()

    def _body(self, spectra: Tensor) -> Tensor:
        return self.body((spectra - self.mean) / self.deviation)


def to_spectra(sounds: np.ndarray) -> np.ndarray:
    """Return logarithms of mel spectra, (sounds, MELS * frames), of sounds, (sounds, samples)."""
    mels = librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=_WINDOW, n_mels=MELS)
    window, found = torch.hann_window(_WINDOW), []
    for some in torch.from_numpy(sounds).float().split(_SOUNDS_AT_ONCE):
        spectra = torch.stft(some, _WINDOW, _HOP, window=window, return_complex=True).abs() ** 2
        power = torch.from_numpy(mels) @ spectra  # (sounds, mels, frames)
        found.append((power + _QUIETEST).log().flatten(1))
    return torch.cat(found).numpy()


def main_components(spectra: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from spectra to their main components, which it finds in `spectra`."""
    return PCA(_COMPONENTS, svd_solver="full").fit(spectra.astype(np.float64)).transform
