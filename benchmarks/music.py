"""Measure the music room against its peers.

`python -m benchmarks.music reading` reads the MIDI files in ../shared/data. `performing` plays with
the trained player: run the pipeline before.
"""

import argparse
import io
import json
import math
import sys
import time
import warnings
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np
import pandas as pd
import pretty_midi
import symusic
import torch

from benchmarks.project import SHARED
from stages.music.player.loudness import normalize, true_peak
from stages.music.player.networks import read_player
from stages.music.player.performance import RATE_HZ, Glide, play
from stages.music.sources.midi import read_midi
from stages.music.sources.piece import Note

DATA = Path("data/music")


class Sound(NamedTuple):
    """What all readers say of a note, in seconds."""

    start_s: float
    end_s: float
    pitch_midi: int
    velocity: int


def read_with_ours(data: bytes) -> list[Sound]:
    """Read with the project's reader."""
    return [
        Sound(
            note.onset_seconds,
            note.onset_seconds + note.duration_seconds,
            note.pitch_midi,
            note.velocity,
        )
        for note in read_midi(data)[0].notes
    ]


def read_with_symusic(data: bytes) -> list[Sound]:
    """Read with symusic, which is written in C++."""
    score = symusic.Score.from_midi(data, sanitize_data=True).to("second")
    return [
        Sound(note.time, note.end, note.pitch, note.velocity)
        for track in score.tracks
        for note in track.notes
    ]


def read_with_pretty_midi(data: bytes) -> list[Sound]:
    """Read with pretty_midi."""
    midi = pretty_midi.PrettyMIDI(io.BytesIO(data))
    return [
        Sound(note.start, note.end, note.pitch, note.velocity)
        for track in midi.instruments
        for note in track.notes
    ]


def read_with_mido(data: bytes) -> list[Sound]:
    """Read with mido, which leaves it to its users to make notes of messages."""
    sounds, now = [], 0.0
    sounding = defaultdict(deque)
    for message in mido.MidiFile(file=io.BytesIO(data), clip=True):
        now += message.time
        if message.type in ("note_on", "note_off"):
            own = sounding[message.channel, message.note]
            if message.type == "note_on" and message.velocity:
                own.append((now, message.velocity))
            elif own:
                start, velocity = own.popleft()
                sounds.append(Sound(start, now, message.note, velocity))
    return sounds


READERS: dict[str, Callable[[bytes], list[Sound]]] = {
    "ours": read_with_ours,
    "symusic": read_with_symusic,
    "mido": read_with_mido,
    "pretty_midi": read_with_pretty_midi,
}


def is_as_expected(
    read: Callable[[bytes], list[Sound]], data: bytes, expected: dict, refusals: Counter[str]
) -> bool:
    """Return whether a reader finds the expected notes, or refuses the file where it should.

    The names of the errors by which it refuses are counted in `refusals`: they are printed, so that
    a mistake of the benchmark is not taken for a refusal.
    """
    try:
        sounds = sorted(read(data))
    except Exception as error:  # noqa: BLE001 (readers refuse files by any error)
        refusals[type(error).__name__] += 1
        return "error" in expected
    wanted = [Sound(*(note[key] for key in Sound._fields)) for note in expected.get("notes", [])]
    return "notes" in expected and [tuple(round(x, 4) for x in sound) for sound in sounds] == [
        tuple(round(x, 4) for x in sound) for sound in sorted(wanted)
    ]


def reading(folder: Path, rounds: int) -> None:
    """Real MIDI files a second, in turns, and files with faults that are read as they should be."""
    files = [path.read_bytes() for path in sorted((folder / "midi").glob("*.mid"))]
    cases = json.loads((folder / "midi_wild/cases.json").read_text(encoding="utf-8"))
    rates = dict.fromkeys(READERS, 0.0)
    for _ in range(rounds):
        for name, read in READERS.items():
            start = time.process_time()
            notes = sum(len(read(data)) for data in files)
            rates[name] = max(rates[name], len(files) / (time.process_time() - start))
    print(
        f"{len(files)} files, {notes / len(files):.0f} notes each; {len(cases)} files with faults"
    )
    for name, read in READERS.items():
        refusals: Counter[str] = Counter()
        as_expected = sum(
            is_as_expected(
                read, (folder / "midi_wild" / case["file"]).read_bytes(), case["expected"], refusals
            )
            for case in cases
        )
        print(
            f"{name:12} {rates[name]:8.0f} files a second, {rates[name] / rates['ours']:6.2f} of "
            f"ours; {as_expected} of {len(cases)} faults as expected; refused by "
            f"{', '.join(f'{n} {error}' for error, n in refusals.most_common()) or 'no error'}"
        )


def performing(minutes: float) -> None:
    """Seconds of sound in a second of the performance of the composed piece, again and again."""
    piece = read_midi((DATA / "composition.mid").read_bytes())[0]
    notes = pd.DataFrame(piece.notes, columns=Note._fields)
    length = float((notes["onset_seconds"] + notes["duration_seconds"]).max())
    times = math.ceil(60 * minutes / length)
    copies = [notes.assign(onset_seconds=notes["onset_seconds"] + n * length) for n in range(times)]
    notes = pd.concat(copies, ignore_index=True)
    notes = notes[notes["onset_seconds"] < 60 * minutes]
    timbres = pd.read_parquet(DATA / "timbres.parquet")
    generator = read_player(DATA / "train_player/harmonic/player.safetensors")
    latents = torch.tensor(np.stack(timbres["latent"].to_numpy()))
    torch.set_num_threads(2)
    ways = {
        "one timbre": Glide(latents[:1], torch.zeros(1)),
        "a glide through all": Glide(
            latents, torch.linspace(0, 60 * minutes, len(latents), dtype=torch.double)
        ),
    }
    for name, glide in ways.items():
        start = time.perf_counter()
        glides = dict.fromkeys(sorted(set(notes["track"])), glide)
        sound = play(notes, {}, glides, generator, 0.15, 1)
        played = time.perf_counter()
        sound = normalize(sound, RATE_HZ, -20.0)
        seconds = time.perf_counter() - start
        heard = np.abs(sound[: int(60 * minutes) * RATE_HZ]).reshape(-1, 2 * RATE_HZ).max(axis=1)
        print(
            f"{name}: {len(notes)} notes, {len(sound) / RATE_HZ:.0f} s of sound in {seconds:.1f} s "
            f"({played - start:.1f} s without the loudness), {len(sound) / RATE_HZ / seconds:.1f} "
            f"times real time; true peak {20 * np.log10(true_peak(sound)):.2f} dBFS; quietest "
            f"second {heard.min():.4f}; {np.isnan(sound).sum()} NaN"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    options = commands.add_parser("reading", help="MIDI files, against symusic, mido, pretty_midi")
    options.add_argument("--rounds", type=int, default=5, help="of all readers in turns")
    options = commands.add_parser("performing", help="the composed piece, against real time")
    options.add_argument("--minutes", type=float, default=3.0, help="length of the piece")
    args = parser.parse_args()
    if args.what == "performing":
        performing(args.minutes)
        return
    if not (SHARED / "midi").exists():
        sys.exit(f"{SHARED / 'midi'} does not exist: the MIDI files are not part of the project")
    warnings.simplefilter("ignore")  # of pretty_midi, about files with faults
    reading(SHARED, args.rounds)


if __name__ == "__main__":
    main()
