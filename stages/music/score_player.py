"""Score the notes of the player against held-out real ones."""

from typing import Any

import librosa
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pydantic import Field
from safetensors.torch import load_file
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.decomposition import PCA
from torch import Tensor

from stages.core import bootstrap
from stages.core.accuracy import wilson
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params, Variants
from stages.core.products import use_openblas
from stages.metrics.score_player import ScorePlayerMetrics
from stages.music.contracts import GALLERY
from stages.music.player import flac, scores
from stages.music.player.curves import SAMPLE_RATE_HZ
from stages.music.player.judge import Judge, main_components, to_spectra
from stages.music.player.networks import Generator, read_player
from stages.music.player.performance import RATE_HZ, Glide, play
from stages.music.player.pictures import spectrogram, to_png
from stages.music.player.pitch import detect_pitch
from stages.music.player.representations import HARMONIC, SPECTROGRAM
from stages.music.player.spectrograms import to_spectrograms
from stages.music.player.vectors import sound_of

MIN_LEARNED, MIN_HELD_OUT = 24, 8
EVERY_TRAINED = 3  # of the notes of the training, one is compared for its pitch
COPIES_SHOWN, WALK_STEPS, PICTURED = 10, 8, 4
GALLERY_PITCH, GALLERY_SECONDS, GLIDE_SECONDS, RELEASE_SECONDS = 60, 1.2, 4.0, 0.2
_CENTROID_WINDOW = 4096
DECIBELS_PER_LOG = 10 / np.log(10)  # for a difference of 1 in the logarithm of a power


class ScorePlayerParams(Params):
    """The section `music.score_player`."""

    draws: int = Field(ge=1)
    bootstrap_samples: int = Field(ge=1)
    seed: int


def generate(generator: Generator, rows: pd.DataFrame, seed: int) -> np.ndarray:
    """Return the sound of new notes with the pitches and velocities of rows, (notes, samples)."""
    random = torch.Generator().manual_seed(seed)
    told = generator.shape.conditions(
        *(torch.tensor(rows[name].to_numpy()) for name in ("pitch_midi", "velocity"))
    )
    latents = torch.randn(len(rows), generator.shape.latent_size, generator=random)
    with torch.no_grad():
        vectors = generator.values(generator(latents, told))
    return sound_of(generator.shape.representation, vectors, rows["pitch_midi"].to_numpy(), seed)


def neighbours(rows: pd.DataFrame, train: pd.DataFrame) -> list[int]:
    """Return the index of the note of the training that is nearest in pitch to each of rows.

    It has the timbre of the row and, of two equally near, the nearer velocity.
    """
    of_timbre = dict(list(train.groupby("timbre")))
    found = []
    for row in rows.itertuples():
        own = of_timbre[row.timbre]
        away = (own["pitch_midi"] - row.pitch_midi).abs() * 1000
        found.append((away + (own["velocity"] - row.velocity).abs()).idxmin())
    return found


def halves(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of two halves of notes in order of timbre, pitch and velocity.

    With two velocities, each half has every pitch of every timbre once.
    """
    place = np.arange(n)
    first = (place + place // 2) % 2 == 0
    return place[first], place[~first]


class Yardstick:
    """Scores notes against real ones of the same pitches.

    Args:
        judge: classifier of timbres
        train: spectra of real notes of the training
        real: spectra of the held-out real notes
        params: parameters of the stage
    """

    def __init__(
        self, judge: Judge, train: np.ndarray, real: np.ndarray, params: ScorePlayerParams
    ):
        self.judge, self.real, self.params = judge, real, params
        self.components = main_components(train)
        self.bins = scores.bins(self.components(train), params.seed)

    def measure(
        self,
        spectra: np.ndarray,
        asked: np.ndarray,
        heard: np.ndarray,
        real: np.ndarray | None = None,
    ) -> dict[str, Any]:
        """Return the scores of `Quality`.

        Args:
            spectra: spectra of the notes
            asked: pitches that they should have
            heard: pitches that are detected
            real: spectra of the real notes, if not of all
        """
        real = self.real if real is None else real
        samples, seed = self.params.bootstrap_samples, self.params.seed
        draws = list(bootstrap.resample(len(spectra), samples, seed))
        found = {}
        for name, of in (("spectral", self.components), ("frechet", self.judge.features)):
            distances = scores.distance(of(real), of(spectra), draws)
            found[f"{name}_distance"] = float(distances[0])
            # A sample repeats notes and so is farther away than the set: only its spread counts.
            spread = distances[1:] - distances[1:].mean()
            found[f"{name}_interval"] = bootstrap.interval(np.maximum(0, distances[0] + spread))
        right = scores.right_pitch(heard, asked)
        return {
            "notes": len(spectra),
            "different_bins": scores.different_bins(
                self.bins, self.components(real), self.components(spectra)
            ),
            **found,
            "inception_score": scores.inception_score(self.judge.probabilities(spectra)),
            "pitch_accuracy": float(right.mean()),
            "pitch_interval": wilson(int(right.sum()), len(right)),
            "pitch_entropy": scores.pitch_entropy(heard),
            "diversity": scores.diversity(self.judge.features(spectra), asked),
        }


def held(pitch: int, seconds: float, glide: Glide, generator: Generator, seed: int) -> np.ndarray:
    """Return the sound of one note, (samples,), at SAMPLE_RATE_HZ."""
    note = {
        "track": 1, "channel": 0, "onset_seconds": 0.0, "duration_seconds": seconds,
        "pitch_midi": pitch, "velocity": generator.shape.velocities[1],
    }  # fmt: skip
    sound = play(pd.DataFrame([note]), {}, {1: glide}, generator, RELEASE_SECONDS, seed)
    # The note has nothing above half of SAMPLE_RATE_HZ, so samples may be left out.
    return sound.mean(axis=1)[:: RATE_HZ // SAMPLE_RATE_HZ]


def steady(latent: Tensor) -> Glide:
    """Return a timbre that does not change."""
    return Glide(latent[None], torch.zeros(1))


def glide_jump(ends: Tensor, generator: Generator, seed: int) -> float:
    """Return the largest step of the spectral centroid of a gliding note, as a share of its range.

    Args:
        ends: latents of the first and the last timbre, (2, latent_size)
        generator: generator of notes
        seed: seed of the noise
    """
    glide = Glide(ends, torch.tensor([0.0, GLIDE_SECONDS], dtype=torch.double))
    sound = held(GALLERY_PITCH, GLIDE_SECONDS, glide, generator, seed)
    centroid = librosa.feature.spectral_centroid(
        y=sound[: round(GLIDE_SECONDS * SAMPLE_RATE_HZ)],
        sr=SAMPLE_RATE_HZ,
        n_fft=_CENTROID_WINDOW,
        hop_length=_CENTROID_WINDOW // 8,
        center=False,
    )[0]
    return float(np.abs(np.diff(centroid)).max() / max(np.ptp(centroid), 1e-9))


def farthest(latents: Tensor) -> list[int]:
    """Return the places of the two latents that are farthest apart."""
    away = squareform(pdist(latents.double().numpy()))
    return list(np.unravel_index(away.argmax(), away.shape))


def check(*, representations: Variants) -> None:
    """Check that there is a player that performs."""
    if HARMONIC not in representations.names:
        raise StageError(
            f"{representations.section} lacks {HARMONIC}, the player that performs: add it"
        )


@command
def main(
    *,
    params: ScorePlayerParams,
    representations: Variants,
    sounds: Input,
    curves: Input,
    train_player: Input,
    timbres: Input,
    gallery: Table[GALLERY],
    spectrograms: Output,
    metrics: Output,
) -> None:
    """Score the notes of the player against held-out real ones.

    Args:
        curves: curves of the notes in `sounds`
        train_player: folder of the player of each representation
        timbres: latents of known timbres
        gallery: sounds for the report
        spectrograms: pictures of the same notes, real, from their curves, and of the player
    """
    check(representations=representations)
    use_openblas()
    torch.set_num_threads(1)
    rows = pq.read_table(sounds).to_pandas()
    rows = rows.sort_values(["timbre", "pitch_midi", "velocity"], kind="stable")
    harmonic = load_file(curves)["vectors"].float()
    generators = {
        name: read_player(train_player / name / "player.safetensors")
        for name in representations.names
    }
    generator = generators[HARMONIC]
    named = pq.read_table(timbres).to_pandas()
    known = rows[~rows["is_new_timbre"]]
    train, test = (known[known["split"] == split] for split in ("train", "test"))
    test = test[test["timbre"].isin(train["timbre"])]
    if len(test) < MIN_HELD_OUT or len(train) < MIN_LEARNED:
        raise StageError(
            f"{sounds} has {len(train)} notes to learn from and {len(test)} of held-out pitches; "
            f"{MIN_LEARNED} and {MIN_HELD_OUT} are needed to score the player: collect more pitches"
        )

    def curves_at(index: list[int], pitch: np.ndarray) -> np.ndarray:
        return sound_of(HARMONIC, harmonic[index], pitch, params.seed)

    real, learned = (
        np.stack([*map(flac.decode, part["flac"])]).astype(np.float32) for part in (test, train)
    )
    real_spectra, learned_spectra = to_spectra(real), to_spectra(learned)
    codes, names = pd.factorize(train["timbre"])
    judge = Judge(learned_spectra, codes, params.seed)
    yardstick = Yardstick(judge, learned_spectra, real_spectra, params)

    drawn = pd.concat([test] * params.draws)
    pitch = test["pitch_midi"].to_numpy()
    near = neighbours(test, train)
    by_pitch = train.groupby("pitch_midi").groups
    closest = [min(by_pitch, key=lambda known, own=own: abs(known - own)) for own in pitch]
    means = torch.stack([harmonic[by_pitch[own]].mean(0) for own in closest])
    made = {
        "player": generate(generator, drawn, params.seed),
        "resynthesis": curves_at(list(test.index), pitch),
        "neighbour": curves_at(near, pitch),
        "mean": sound_of(HARMONIC, means, pitch, params.seed),
    }
    if SPECTROGRAM in generators:
        made["spectrogram"] = generate(generators[SPECTROGRAM], drawn, params.seed)
        made["spectrogram_resynthesis"] = sound_of(
            SPECTROGRAM, to_spectrograms(torch.from_numpy(real)), pitch, params.seed
        )
    heard = {kind: detect_pitch(own) for kind, own in made.items()}
    asked = {kind: np.resize(pitch, len(own)) for kind, own in made.items()}
    spectra = {kind: to_spectra(own) for kind, own in made.items()}
    qualities = {kind: yardstick.measure(spectra[kind], asked[kind], heard[kind]) for kind in made}
    one, other = halves(len(test))
    heard_real = detect_pitch(real)
    qualities["real"] = yardstick.measure(
        real_spectra[other], pitch[other], heard_real[other], real_spectra[one]
    )

    some = slice(None, None, EVERY_TRAINED)
    asked_some = train["pitch_midi"].to_numpy()[some]
    everywhere = {name: generate(own, train[some], params.seed) for name, own in generators.items()}
    range_accuracy = {
        kind: float(scores.right_pitch(detect_pitch(own), asked_some).mean())
        for kind, own in {**everywhere, "real": learned[some]}.items()
    }
    # A timbre is made if it is heard at least a quarter as often as if all were equally frequent.
    votes = np.bincount(judge.probabilities(spectra["player"]).argmax(1), minlength=len(names))
    away = cdist(spectra["player"], learned_spectra, "cityblock") / spectra["player"].shape[1]
    real_away = cdist(real_spectra, learned_spectra, "cityblock") / real_spectra.shape[1]
    shown = np.linspace(0, len(away) - 1, COPIES_SHOWN).round().astype(int)
    nearest = [
        {
            "pitch_midi": int(asked["player"][place]),
            "nearest": train["sound_id"].iloc[away[place].argmin()],
            "distance_db": float(away[place].min() * DECIBELS_PER_LOG),
        }
        for place in shown
    ]
    to_judge = names[judge.probabilities(real_spectra).argmax(1)]
    latents = torch.tensor(np.stack(named["latent"].to_numpy()))
    pair = farthest(latents)
    ends = latents[pair]
    errors = named.groupby("is_new_timbre")["error_db"].mean()
    metrics.write_json(
        ScorePlayerMetrics(
            qualities=qualities,
            classifier_accuracy=float((to_judge == test["timbre"]).mean()),
            range_accuracy=range_accuracy,
            lowest_pitch=int(train["pitch_midi"].min()),
            highest_pitch=int(train["pitch_midi"].max()),
            timbres=len(names),
            timbres_made=int((votes >= len(away) / len(names) / 4).sum()),
            nearest=nearest,
            nearest_distance_db=float(np.median(away.min(1)) * DECIBELS_PER_LOG),
            real_distance_db=float(np.median(real_away.min(1)) * DECIBELS_PER_LOG),
            known_error_db=float(errors[False]),
            new_error_db=float(errors[True]) if True in errors else None,
            walk=tuple(named["timbre"].iloc[pair]),
            glide_jump=glide_jump(ends, generator, params.seed),
        )
    )
    places = PCA(2, svd_solver="full").fit_transform(latents.double().numpy())
    shows = [
        ("timbre", name, x, y, held(GALLERY_PITCH, GALLERY_SECONDS, steady(latent), generator, 0))
        for name, (x, y), latent in zip(named["timbre"], places, latents, strict=True)
    ]
    for step, share in enumerate(np.linspace(0, 1, WALK_STEPS), start=1):
        between = steady(torch.lerp(*ends, float(share)))
        sound = held(GALLERY_PITCH, GALLERY_SECONDS, between, generator, 0)
        shows.append(("walk", str(step), 0.0, 0.0, sound))
    for place in shown:
        copied = learned[away[place].argmin()]
        shows.append(("player", "generated", 0.0, 0.0, made["player"][place]))
        shows.append(("nearest", train["sound_id"].iloc[away[place].argmin()], 0.0, 0.0, copied))
    columns = [list(column) for column in zip(*shows, strict=True)]
    columns[-1] = [flac.encode(own / max(1.0, np.abs(own).max())) for own in columns[-1]]
    gallery.write(pa.table(columns, schema=gallery.schema))
    pictured = np.linspace(0, len(test) - 1, PICTURED).round().astype(int)
    spectrograms.path.write_bytes(
        to_png(
            [
                [spectrogram(own[place]) for place in pictured]
                for own in (real, made["resynthesis"], made["player"])
            ]
        )
    )
