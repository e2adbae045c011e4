"""A piece played by the player, whose timbre may glide."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from stages.core.progress import progress
from stages.music.player.curves import FRAMES, HOP_SECONDS, Curves
from stages.music.player.networks import Generator
from stages.music.player.synthesis import attack, harmonics, noise

RATE_HZ = 32_000  # half of it is above the highest pitch of MIDI
_HOP = round(HOP_SECONDS * RATE_HZ)
# Notes longer than those of the training go to and fro in this many of their last frames, and their
# level follows the slope in them, which is never steeper than this.
_LAST_FRAMES, _STEEPEST_DB = 24, 1.5
# At most this many frames of notes at once, and of one note, which keeps memory small.
_BATCH_FRAMES, _SEGMENT_FRAMES = 256, 256
_RELEASE_DB = 60.0  # by which a note falls in the time of its release
# How far the outer tracks are from the middle, where 1 is one loudspeaker alone.
_WIDTH = 0.6


class Glide(NamedTuple):
    """The latents of notes over time.

    Attributes:
        latents: latents, (stations, latent_size)
        seconds: when each is reached, in order, (stations,)
    """

    latents: Tensor
    seconds: Tensor

    def at(self, seconds: Tensor) -> Tensor:
        """Return the latents at times, (..., latent_size): lines between the stations."""
        if len(self.latents) == 1:
            return self.latents[0].expand(*seconds.shape, -1)
        place = torch.searchsorted(self.seconds, seconds).clamp(1, len(self.seconds) - 1)
        start, end = self.seconds[place - 1], self.seconds[place]
        share = ((seconds - start) / (end - start).clamp(min=1e-9)).clamp(0, 1)[..., None]
        return torch.lerp(self.latents[place - 1], self.latents[place], share.float())


class Bends(NamedTuple):
    """The bends of a channel.

    Attributes:
        seconds: times of changes, in order, (changes,)
        semitones: how much higher notes sound from then on, (changes,)
    """

    seconds: np.ndarray
    semitones: np.ndarray

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """Return how many semitones higher notes sound at times, 0 before the first change."""
        place = np.searchsorted(self.seconds, seconds, side="right")
        return np.concatenate([[0.0], self.semitones])[place]


class Player:
    """Play notes of a generator that are longer, higher or louder than those of its training.

    Args:
        generator: generator of the curves of notes
    """

    def __init__(self, generator: Generator):
        self.generator = generator
        rows = torch.cat([generator.mean[None], generator.basis])
        # Curves are linear in the components, and so is their slope in the last frames.
        self.curves = Curves.from_vectors(rows)
        steps = torch.arange(_LAST_FRAMES) - (_LAST_FRAMES - 1) / 2
        weights = (steps / steps.square().sum())[:, None]
        self.amplitude_slopes, self.noise_slopes = (
            (curve[:, -_LAST_FRAMES:] * weights).sum(1)
            for curve in (self.curves.amplitudes_db, self.curves.noise_db)
        )

    def curves_of(self, components: Tensor, frames: Tensor, gain_db: Tensor) -> Curves:
        """Return the curves of notes in some frames, counted from their onset.

        Args:
            components: components of notes, (notes, frames, components) or (notes, 1, components)
            frames: numbers of the frames, (frames,)
            gain_db: gain of each note, (notes, 1, 1)
        """
        # 0 ... 47, 46 ... 24, 25 ... 47 and so on
        period = 2 * (_LAST_FRAMES - 1)
        beyond = (frames - (FRAMES - 1)).clamp(min=0)
        back = (beyond % period) - (_LAST_FRAMES - 1)
        place = torch.where(
            beyond > 0, FRAMES - _LAST_FRAMES + back.abs(), frames.clamp(max=FRAMES - 1)
        )
        later = (frames - place)[:, None]
        own = torch.cat([torch.ones(*components.shape[:2], 1), components], dim=2)
        own = own.expand(-1, len(frames), -1)

        def curve(rows: Tensor, slopes: Tensor) -> Tensor:
            level = torch.einsum("nfc,cfv->nfv", own, rows[:, place])
            slope = (own @ slopes).clamp(-_STEEPEST_DB, 0)
            return level + slope * later + gain_db

        vectors = self.generator.values(components[:, 0])
        first = Curves.from_vectors(vectors)
        return Curves(
            curve(self.curves.amplitudes_db, self.amplitude_slopes),
            curve(self.curves.noise_db, self.noise_slopes),
            torch.einsum("nfc,cf->nf", own, self.curves.cents[:, place]),
            first.inharmonicity,
            first.attack_db,
        )


def play(
    notes: pd.DataFrame,
    bends: dict[int, Bends],
    glides: dict[int, Glide],
    generator: Generator,
    release_seconds: float,
    seed: int,
) -> np.ndarray:
    """Return the sound of notes, (samples, 2), at RATE_HZ.

    Args:
        notes: notes in columns track, channel, onset_seconds, duration_seconds, pitch_midi,
            velocity
        bends: bends by channel
        glides: latents of the notes of each track
        generator: generator of the curves of notes
        release_seconds: time in which a note dies away after its end
        seed: seed of the noise
    """
    player = Player(generator)
    random = torch.Generator().manual_seed(seed)
    seconds = notes["duration_seconds"] + release_seconds
    notes = notes.assign(frames=np.ceil(seconds / HOP_SECONDS).astype(int) + 1)
    notes = notes.sort_values(["frames", "pitch_midi"], kind="stable", ignore_index=True)
    tracks = sorted(glides)
    places = np.linspace(-_WIDTH, _WIDTH, len(tracks)) if len(tracks) > 1 else [0.0]
    angles = {track: np.pi / 4 * (1 + place) for track, place in zip(tracks, places, strict=True)}
    ends = notes["onset_seconds"] + notes["frames"] * HOP_SECONDS
    mixed = np.zeros((round(ends.max() * RATE_HZ) + 1, 2), np.float32)
    for own in progress(list(_batches(notes)), "playing, batches of notes"):
        sounds = _play_together(own, bends, glides, player, random)
        time = torch.arange(sounds.shape[1]) / RATE_HZ
        late = (time - torch.tensor(own["duration_seconds"].to_numpy())[:, None]).clamp(min=0)
        fall = 10 ** (-_RELEASE_DB / 20 * late / release_seconds)
        sounds = (sounds * fall * (late < release_seconds)).float().numpy()
        starts = np.rint(own["onset_seconds"].to_numpy() * RATE_HZ).astype(int)
        lengths = own["frames"].to_numpy() * _HOP
        for sound, start, length, track in zip(sounds, starts, lengths, own["track"], strict=True):
            part = mixed[start : start + length]
            sides = np.array([np.cos(angles[track]), np.sin(angles[track])], np.float32)
            part += sound[: len(part), None] * sides
    return mixed


def _batches(notes: pd.DataFrame) -> list[pd.DataFrame]:
    """Return notes in batches of similar length."""
    total = notes["frames"].cumsum() // _BATCH_FRAMES
    return [own for _, own in notes.groupby(total)]


def _play_together(
    notes: pd.DataFrame,
    bends: dict[int, Bends],
    glides: dict[int, Glide],
    player: Player,
    random: torch.Generator,
) -> Tensor:
    """Return the sound of each note, (notes, samples), as if it never ended."""
    pitch, velocity, onsets = (
        torch.tensor(notes[name].to_numpy()) for name in ("pitch_midi", "velocity", "onset_seconds")
    )
    shape = player.generator.shape
    told = shape.conditions(pitch, velocity)[:, None]
    known = velocity.clamp(*shape.velocities)
    # Loudness follows the square of the velocity outside the range that was learned.
    gain_db = (40 * (velocity / known).log10()).float()[:, None, None]
    glides = [glides[track] for track in notes["track"]]
    moving = any(len(glide.latents) > 1 for glide in glides)
    turns = torch.zeros(len(notes), 1, dtype=torch.double)
    sounds, longest = [], int(notes["frames"].max())
    for start in range(0, longest, _SEGMENT_FRAMES):
        # One frame more than is heard, to which the next segment joins.
        frames = torch.arange(start, min(start + _SEGMENT_FRAMES, longest) + 1)
        seconds = onsets[:, None] + frames * HOP_SECONDS
        when = seconds if moving else seconds[:, :1]
        latents = torch.stack([glide.at(own) for glide, own in zip(glides, when, strict=True)])
        with torch.no_grad():
            components = player.generator(latents, told.expand(-1, latents.shape[1], -1))
            curves = player.curves_of(components, frames, gain_db)
            bent = np.stack(
                [
                    bends[channel].at(own) if channel in bends else np.zeros(len(frames))
                    for own, channel in zip(seconds.numpy(), notes["channel"], strict=True)
                ]
            )
            tonal, turned = harmonics(curves, pitch[:, None] + torch.tensor(bent), RATE_HZ, turns)
            sound = tonal + noise(curves.noise_db, random, RATE_HZ)
            if start == 0:
                sound = attack(sound, curves.attack_db, RATE_HZ)
        sounds.append(sound[:, :-_HOP])
        turns = turned[:, -2:-1]
    return torch.cat(sounds, dim=1)


def sustain(notes: pd.DataFrame, pedals: dict[int, list[tuple[float, float]]]) -> pd.DataFrame:
    """Return notes that a pedal holds until it is up, or until their pitch is struck again.

    Args:
        notes: notes in columns channel, onset_seconds, duration_seconds, pitch_midi
        pedals: times from which and until which the pedal is down, by channel
    """
    notes = notes.sort_values("onset_seconds", kind="stable", ignore_index=True)
    again = notes.groupby(["channel", "pitch_midi"])["onset_seconds"].shift(-1).fillna(np.inf)
    ends = (notes["onset_seconds"] + notes["duration_seconds"]).to_numpy(copy=True)
    for channel, spans in pedals.items():
        for down, up in spans:
            held = (notes["channel"] == channel) & (ends >= down) & (ends < up) & (again > ends)
            ends[held] = np.minimum(up, again[held])
    return notes.assign(duration_seconds=ends - notes["onset_seconds"])
