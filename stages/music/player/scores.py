"""Scores of generated sounds, as in the paper on GANSynth (Engel et al. 2019, arXiv:1902.08710)."""

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans

from stages.music.scores.frechet import frechet_distance

BINS = 20
_SIGNIFICANT = 1.96  # standard errors, of a level of 5 %
_RIGHT_SEMITONES = 0.5


def bins(features: np.ndarray, seed: int) -> KMeans:
    """Return bins, the clusters of real notes, from their features, (notes, features)."""
    return KMeans(BINS, n_init=4, random_state=seed).fit(features)


def different_bins(of: KMeans, real: np.ndarray, other: np.ndarray) -> int:
    """Return the number of bins whose share of two sets differs.

    Richardson and Weiss 2018 (arXiv:1805.12462) compare the shares by a two-proportion z test.

    Args:
        of: the bins
        real: features of real notes, (notes, features)
        other: those of others
    """
    counts = np.stack(
        [np.bincount(of.predict(points), minlength=BINS) for points in (real, other)]
    ).astype(float)
    totals = counts.sum(1, keepdims=True)
    pooled = counts.sum(0) / totals.sum()
    error = np.sqrt(pooled * (1 - pooled) * (1 / totals).sum())
    apart = np.abs(np.diff(counts / totals, axis=0)[0])
    return int((apart > _SIGNIFICANT * error).sum())


def distance(real: np.ndarray, other: np.ndarray, draws: list[np.ndarray]) -> np.ndarray:
    """Return the Frechet distance of two sets, and with other draws of the second one.

    Args:
        real: features of real notes, (notes, features)
        other: those of others
        draws: places of notes that are drawn again, (samples, notes)
    """
    counts = np.stack([np.bincount(row, minlength=len(other)) for row in draws])
    counts = np.vstack([np.ones(len(other)), counts])
    return frechet_distance(real, other, np.ones((len(counts), len(real))), counts)


def inception_score(probabilities: np.ndarray) -> float:
    """Return the inception score (Salimans et al. 2016, arXiv:1606.03498, section 4).

    It is 1 if all notes are alike to the classifier, and the number of timbres if each note is
    clearly of one, and all are equally frequent.

    Args:
        probabilities: how likely each timbre is, (notes, timbres)
    """
    mean = probabilities.mean(0)
    return float(
        np.exp((probabilities * np.log((probabilities + 1e-12) / (mean + 1e-12))).sum(1).mean())
    )


def right_pitch(heard: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return whether pitches, (notes,), are within half a semitone of those that were asked for."""
    return np.abs(heard - asked) < _RIGHT_SEMITONES


def pitch_entropy(heard: np.ndarray) -> float:
    """Return the entropy of the pitches that are heard, in nats, in whole semitones."""
    _, counts = np.unique(np.rint(heard), return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def diversity(features: np.ndarray, pitch_midi: np.ndarray) -> float:
    """Return the mean distance between the features of notes of the same pitch."""
    own = [features[pitch_midi == pitch] for pitch in np.unique(pitch_midi)]
    means = [pdist(points).mean() for points in own if len(points) > 1]
    return float(np.mean(means)) if means else 0.0
