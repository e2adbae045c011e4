"""What a note is to the networks of the player: curves of a synthesizer, or a spectrogram."""

from stages.core.errors import StageError

HARMONIC, SPECTROGRAM = "harmonic", "spectrogram"
REPRESENTATIONS = (HARMONIC, SPECTROGRAM)


def check_representation(representation: str) -> None:
    """Check that there is a representation of this name.

    Raises:
        StageError: there is not.
    """
    if representation not in REPRESENTATIONS:
        raise StageError(
            f"no representation is called '{representation}'; there are: "
            f"{', '.join(REPRESENTATIONS)}"
        )
