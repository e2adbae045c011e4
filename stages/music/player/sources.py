"""Single notes to learn from: of a soundfont, or of WAV files named by their pitch."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import pretty_midi
import soundfile
import tinysoundfont

from stages.core.errors import StageError
from stages.core.losses import Losses
from stages.music.player.curves import SAMPLE_RATE_HZ, SECONDS

SAMPLES = round(SECONDS * SAMPLE_RATE_HZ)
_DEFAULT_VELOCITY = 100  # of a file whose name gives none
_SETTLING = 256  # samples in which a note that was stopped dies away
# NAME-PITCH or NAME-PITCH-VELOCITY, where PITCH is a MIDI number or a name such as F#3 or Bb2.
_FILE_NAME = re.compile(
    r"(?:(?P<timbre>.*?)[-_ ])?(?P<pitch>\d{1,3}|[A-Ga-g][#b]?-?\d)(?:[-_ ](?P<velocity>\d{1,3}))?"
)


class Sound(NamedTuple):
    """A note.

    Attributes:
        timbre: name of its instrument
        key: pitch that was asked for, a MIDI number
        velocity: MIDI velocity
        source: file and program that it comes from
        samples: the note, (SAMPLES,), at SAMPLE_RATE_HZ, held until the end or until it dies away
    """

    timbre: str
    key: int
    velocity: int
    source: str
    samples: np.ndarray


def of_soundfont(
    path: Path, programs: list[int], keys: range, velocities: list[int]
) -> Iterator[Sound]:
    """Yield each note of the programs of a soundfont.

    Raises:
        StageError: the file is not a soundfont, or does not have a program.
    """
    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE_HZ)
    try:
        font = synth.sfload(path.read_bytes())
    except RuntimeError:
        raise StageError(f"{path} is not a soundfont: give a file in the SF2 format") from None
    for program in programs:
        if synth.sfpreset_name(font, 0, program) is None:
            raise StageError(
                f"{path} does not have program {program}: remove it from the programs to collect"
            )
        synth.program_select(0, font, 0, program, is_drums=False)
        timbre = pretty_midi.program_to_instrument_name(program)
        for key in keys:
            for velocity in velocities:
                synth.noteon(0, key, velocity)
                stereo = np.frombuffer(synth.generate(SAMPLES), np.float32).reshape(-1, 2)
                source = f"{path.name} program {program}"
                yield Sound(timbre, key, velocity, source, stereo.mean(axis=1))
                synth.sounds_off()
                synth.generate(_SETTLING)


def of_folder(folder: Path, dropped: Losses) -> Iterator[Sound]:
    """Yield the note of each WAV file in a folder and the folders in it.

    The name of a file ends with the pitch, and with the velocity if there is one: `oboe_C4.wav`,
    `oboe-060-100.wav`. The timbre is what comes before; without it, it is the name of the folder.
    Longer notes are cut, shorter ones are followed by silence.

    Args:
        folder: folder of WAV files
        dropped: counts of files that are not used, updated while reading
    """
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.name.startswith("."):
            continue
        place = str(path.relative_to(folder.parent))
        if path.suffix.lower() != ".wav":
            dropped.add("not_wav", place, "its ending is not .wav")
            continue
        name = _FILE_NAME.fullmatch(path.stem)
        key = _key(name["pitch"]) if name else None
        if name is None or key is None:
            dropped.add("no_pitch", place, "its name does not end with a pitch, such as _C4 or _60")
            continue
        timbre = name["timbre"] or path.parent.name
        velocity = min(max(int(name["velocity"] or _DEFAULT_VELOCITY), 1), 127)
        try:
            samples = read_sound(path)
        except soundfile.LibsndfileError:
            dropped.add("damaged", place, "it is not a WAV file that can be read")
            continue
        if not np.isfinite(samples).all():
            dropped.add("damaged", place, "some of its samples are not finite numbers")
            continue
        note = np.pad(samples[:SAMPLES], (0, max(0, SAMPLES - len(samples))))
        yield Sound(timbre, key, velocity, place, note)


def read_sound(path: Path) -> np.ndarray:
    """Return the first SECONDS of a sound file, (samples,), mono at SAMPLE_RATE_HZ."""
    with soundfile.SoundFile(path) as file:
        frames = math.ceil(SECONDS * file.samplerate)
        mono = file.read(frames, dtype="float32", always_2d=True).mean(axis=1)
        return librosa.resample(mono, orig_sr=file.samplerate, target_sr=SAMPLE_RATE_HZ)


def _key(pitch: str) -> int | None:
    """Return the MIDI number of a pitch, which is a number or a name; None if it has none."""
    key = int(pitch) if pitch.isdigit() else int(librosa.note_to_midi(pitch.capitalize()))
    return key if 0 <= key <= 127 else None
