"""Collect the sounds of single notes for the player to learn from."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.losses import Losses
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.progress import progress
from stages.core.raw import InnerPath, find
from stages.metrics.collect_sounds import CollectSoundsMetrics
from stages.music.contracts import SOUNDS, SPLITS
from stages.music.notes.synthesis import SOUNDFONT
from stages.music.player import flac
from stages.music.player.pitch import detect_pitch
from stages.music.player.sources import Sound, of_folder, of_soundfont

SILENT = 0.001  # peak of a note that is not heard
# Of six neighbouring pitches, one is held out for validation and one for the test.
HELD_OUT_EVERY, VALIDATION_AT, TEST_AT = 6, 1, 4
MIN_NOTES = 2  # of each split, which have a covariance
# Notes of an instrument whose pitch is detected to find its octave.
NOTES_FOR_OCTAVE = 8
MidiNumber = Annotated[int, Field(ge=0, le=127)]


class CollectSoundsParams(Params):
    """The section `music.collect_sounds`."""

    source: InnerPath | None
    programs: list[MidiNumber] = Field(min_length=1)
    lowest_key: MidiNumber
    highest_key: MidiNumber
    velocities: list[Annotated[int, Field(ge=1, le=127)]] = Field(min_length=1)
    new_timbres: int = Field(ge=0)
    seed: int


def locate(params: CollectSoundsParams, raw: Path) -> Path:
    """Return the path of the soundfont or folder of sounds.

    Raises:
        StageError: it does not exist.
    """
    return SOUNDFONT if params.source is None else find(raw, params.source)


def read(params: CollectSoundsParams, raw: Path, dropped: Losses) -> Iterator[Sound]:
    """Yield the notes of the soundfont or folder.

    Args:
        params: parameters of the stage
        raw: folder of the user's own sounds
        dropped: counts of what is not used, updated while reading

    Raises:
        StageError: the source does not exist or is not what it should be.
    """
    path = locate(params, raw)
    if path.is_dir():
        return of_folder(path, dropped)
    keys = range(params.lowest_key, params.highest_key + 1)
    if not keys:
        raise StageError(f"{params.section}.highest_key is below lowest_key: exchange them")
    return of_soundfont(path, params.programs, keys, params.velocities)


def select(sounds: Iterator[Sound], dropped: Losses) -> dict[str, list[Sound]]:
    """Return the sounds of each timbre that are heard, without copies."""
    by_timbre: defaultdict[str, list[Sound]] = defaultdict(list)
    known = set()
    for sound in progress(sounds, "collecting sounds"):
        place = f"{sound.source}, {sound.timbre}, key {sound.key}, velocity {sound.velocity}"
        identity = (sound.timbre, sound.key, sound.velocity)
        if np.abs(sound.samples).max(initial=0.0) < SILENT:
            dropped.add("silent", place, "it is silent")
        elif identity in known:
            dropped.add("twice", place, "another sound has this timbre, pitch and velocity")
        else:
            known.add(identity)
            by_timbre[sound.timbre].append(sound)
    return by_timbre


def octave(sounds: list[Sound]) -> int:
    """Return how many octaves the notes of an instrument sound above their keys.

    Organs and the instruments of some soundfonts sound an octave higher or lower.
    """
    places = np.linspace(0, len(sounds) - 1, min(NOTES_FOR_OCTAVE, len(sounds))).round().astype(int)
    chosen = [sounds[place] for place in places]
    heard = detect_pitch(np.stack([sound.samples for sound in chosen]))
    apart = float(np.median(heard - [sound.key for sound in chosen]))
    octaves = round(apart / 12)
    return octaves if abs(apart - 12 * octaves) < 1 else 0


def split_of(pitch: int) -> str:
    """Return the split of a pitch: of six neighbours, two are held out."""
    return {VALIDATION_AT: "validation", TEST_AT: "test"}.get(pitch % HELD_OUT_EVERY, "train")


def check(*, params: CollectSoundsParams, raw: Path) -> None:
    """Check that the soundfont or folder exists."""
    locate(params, raw)


@command
def main(
    *, params: CollectSoundsParams, raw: Input, sounds: Table[SOUNDS], metrics: Output
) -> None:
    """Collect the sounds of single notes for the player to learn from.

    Args:
        raw: folder of your own sounds
        sounds: the notes; `pitch_midi` is the pitch that is heard, in whole octaves from the key
    """
    dropped = Losses()
    by_timbre = select(read(params, raw, dropped), dropped)
    path = locate(params, raw)
    names = sorted(by_timbre)
    if len(names) <= params.new_timbres:
        raise StageError(
            f"{path} has sounds of {len(names)} timbres (not used: {dict(dropped.counts)}), and "
            f"{params.new_timbres} are held out: bring more, or lower {params.section}.new_timbres"
        )
    new = set(random.Random(params.seed).sample(names, params.new_timbres))
    octaves = {name: octave(by_timbre[name]) for name in names}
    loudest = max(np.abs(sound.samples).max() for own in by_timbre.values() for sound in own)
    rows = []
    for name in names:
        for sound in by_timbre[name]:
            pitch = sound.key + 12 * octaves[name]
            if not 0 <= pitch <= 127:
                dropped.add("pitch_out_of_range", sound.source, f"{name} sounds at pitch {pitch}")
                continue
            rows.append(
                {
                    "sound_id": f"{name} {sound.key} {sound.velocity}",
                    "split": split_of(pitch),
                    "timbre": name,
                    "is_new_timbre": name in new,
                    "key": sound.key,
                    "pitch_midi": pitch,
                    "velocity": sound.velocity,
                    "source": sound.source,
                    "flac": flac.encode(sound.samples / max(1.0, loudest)),
                }
            )
    splits = Counter(row["split"] for row in rows if not row["is_new_timbre"])
    if min(splits[split] for split in SPLITS) < MIN_NOTES:
        raise StageError(
            f"{path} has too few notes for three splits ({dict(splits)} of timbres to learn; not "
            f"used: {dict(dropped.counts)}): bring sounds of more than {2 * HELD_OUT_EVERY} "
            "neighbouring pitches of each instrument"
        )
    sounds.write(pa.Table.from_pylist(rows, schema=sounds.schema))
    metrics.write_json(
        CollectSoundsMetrics(
            source=path.name,
            sounds={"total": len(rows), **Counter(row["split"] for row in rows)},
            timbres=[name for name in names if name not in new],
            new_timbres=sorted(new),
            octaves={name: number for name, number in octaves.items() if number},
            dropped=dict(dropped.counts),
            examples=dropped.examples,
        )
    )
