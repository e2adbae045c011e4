"""The metrics of `score_player`."""

from stages.core.metrics import Metrics

# The player; other real notes; the same notes from their curves; two simple methods: the real notes
# of the nearest pitch of the training, played at the pitch, and their mean; the player of
# spectrograms, and the real notes from their spectrograms.
KINDS = (
    "player",
    "real",
    "resynthesis",
    "neighbour",
    "mean",
    "spectrogram",
    "spectrogram_resynthesis",
)


class Quality(Metrics):
    """Scores of notes beside real ones of the same held-out pitches.

    Attributes:
        notes: number of notes.
        different_bins: of 20 clusters of real notes, how many have another share.
        spectral_distance: Frechet distance of the main components of spectra.
        spectral_interval: its 95 % interval (bootstrap).
        frechet_distance: Frechet distance of the features of a classifier of timbres.
        frechet_interval: its 95 % interval (bootstrap).
        inception_score: inception score by that classifier.
        pitch_accuracy: share of notes whose detected pitch is right.
        pitch_interval: its 95 % interval (Wilson).
        pitch_entropy: entropy of the detected pitches, in nats.
        diversity: mean distance of features at the same pitch.
    """

    notes: int
    different_bins: int
    spectral_distance: float
    spectral_interval: tuple[float, float]
    frechet_distance: float
    frechet_interval: tuple[float, float]
    inception_score: float
    pitch_accuracy: float
    pitch_interval: tuple[float, float]
    pitch_entropy: float
    diversity: float


class Nearest(Metrics):
    """A generated note and the real note of the training that is nearest to it.

    Attributes:
        pitch_midi: pitch of the generated note.
        nearest: name of the real note.
        distance_db: mean difference of their spectra.
    """

    pitch_midi: int
    nearest: str
    distance_db: float


class ScorePlayerMetrics(Metrics):
    """How the player's notes compare with real ones.

    Attributes:
        qualities: scores by kind; the last two only if there is a player of spectrograms.
        classifier_accuracy: share of held-out real notes whose timbre the classifier names.
        range_accuracy: share of right pitches over all pitches of the training, by representation
            and for `real`.
        lowest_pitch: lowest of these pitches.
        highest_pitch: highest of these pitches.
        timbres: number of timbres of the training.
        timbres_made: number of them that the player makes, to the classifier.
        nearest: ten generated notes and the nearest real ones.
        nearest_distance_db: median distance of the player's notes from the nearest real notes.
        real_distance_db: that of held-out real notes.
        known_error_db: mean difference of a known timbre's curves from those of its latent.
        new_error_db: that of timbres that are held out whole; None if there are none.
        walk: the two timbres whose latents are farthest apart, between which a glide is scored.
        glide_jump: largest step of the spectral centroid from frame to frame while a held note
            glides between them, as a share of its range.
    """

    qualities: dict[str, Quality]
    classifier_accuracy: float
    range_accuracy: dict[str, float]
    lowest_pitch: int
    highest_pitch: int
    timbres: int
    timbres_made: int
    nearest: list[Nearest]
    nearest_distance_db: float
    real_distance_db: float
    known_error_db: float
    new_error_db: float | None
    walk: tuple[str, str]
    glide_jump: float
