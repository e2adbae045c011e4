"""Notes as a standard MIDI file.

`docs/midi.md` says what such a file keeps of a piece, and what it does not.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
import pandas as pd

from stages.music.sources.piece import Metre

VELOCITY = 80  # of composed notes
CHURCH_ORGAN = 19  # General MIDI program that plays them, counted from 0
MAX_DIVISION = 32_767  # ticks of a quarter note
ROUND_DIVISION = 20_160  # 64ths, triplets, quintuplets and septuplets are whole ticks
MAX_TEMPO_US = 0xFFFFFF  # microseconds of a quarter note
MAX_DELTA = 0x0FFFFFFF  # ticks between two events
DRUM_CHANNEL = 9


def as_tracks(notes: pd.DataFrame, tempo_bpm: float, program: int) -> pd.DataFrame:
    """Return composed notes as `write_midi` takes them, with one track for each part.

    Args:
        notes: notes in columns part (from 1), onset_beats, duration_beats, pitch_midi
        tempo_bpm: tempo in quarter notes a minute, rounded to whole microseconds of a quarter note
        program: General MIDI program of all parts, 0 to 127
    """
    seconds_per_beat = round(60_000_000 / tempo_bpm) / 1_000_000
    part = notes["part"].to_numpy()
    channels = np.delete(np.arange(16), DRUM_CHANNEL)
    return pd.DataFrame(
        {
            "track": part.astype(np.int32),
            "channel": channels[(part - 1) % len(channels)].astype(np.int32),
            "program": np.int32(program),
            "is_drum": False,
            "onset_beats": notes["onset_beats"],
            "duration_beats": notes["duration_beats"],
            "onset_seconds": notes["onset_beats"] * seconds_per_beat,
            "duration_seconds": notes["duration_beats"] * seconds_per_beat,
            "pitch_midi": notes["pitch_midi"].astype(np.int32),
            "velocity": np.int32(VELOCITY),
        }
    ).reset_index(drop=True)


def write_midi(
    notes: pd.DataFrame, track_names: Sequence[str] = (), metres: Sequence[Metre] = ()
) -> bytes:
    """Return notes as a standard MIDI file of type 1.

    The division is the smallest in which notes and metres begin and end at whole ticks. If that is
    more than a file can state, times are rounded to 1/20,160 of a quarter note. Tempos follow from
    the beats and seconds at which notes begin and end. They are whole microseconds of a quarter
    note; the error of each is made up for by the next, so that a time is wrong by at most 1
    microsecond, or by half a microsecond for each quarter note since the last time, if that is
    more.

    Of two notes of equal track, channel and pitch, the one that begins first is taken to end first:
    where one lies within the other, reading the file exchanges their ends.

    Args:
        notes: notes with the columns of the table `notes` from track to velocity, except part;
            tracks count from 1
        track_names: names of the tracks in order
        metres: time signatures in order
    """
    times = notes["onset_beats"].to_numpy(), notes["duration_beats"].to_numpy()
    division = _division(np.concatenate([*times, [metre.onset_beats for metre in metres]]))
    onsets, durations = (np.rint(time * division).astype(np.int64) for time in times)
    durations = np.maximum(durations, 1)
    ends = onsets + durations
    events: list[list[tuple[int, bytes]]] = [  # of each track, those that open it
        [(0, _meta(0x03, name.encode()))] if name else [] for name in track_names
    ]
    events += [[] for _ in range(len(events), max(1, notes["track"].max() if len(notes) else 1))]
    for metre in metres:
        value = bytes([metre.numerator, metre.denominator.bit_length() - 1, 24, 8])
        events[0].append((round(metre.onset_beats * division), _meta(0x58, value)))
    seconds = notes["onset_seconds"].to_numpy(), notes["duration_seconds"].to_numpy()
    clock = dict(zip(ends.tolist(), (seconds[0] + seconds[1]).tolist(), strict=True))
    clock |= dict(zip(onsets.tolist(), seconds[0].tolist(), strict=True))
    for tick, tempo in _tempos(sorted(clock.items()), division):
        events[0].append((tick, _meta(0x51, tempo.to_bytes(3))))
    for number, messages in _messages(notes, onsets, ends):
        events[number - 1] += messages
    chunks = [_chunk(b"MThd", b"".join(n.to_bytes(2) for n in (1, len(events), division)))]
    chunks += [_chunk(b"MTrk", _track(own)) for own in events]
    return b"".join(chunks)


def _division(beats: np.ndarray) -> int:
    """Return the ticks of a quarter note at which times in beats, (times,), are whole ticks."""
    division = 1
    for time in np.unique(beats).tolist():
        # Floats tell times apart whose denominators are at most `MAX_DIVISION`.
        division = math.lcm(division, Fraction(time).limit_denominator(MAX_DIVISION).denominator)
        if division > MAX_DIVISION:
            return ROUND_DIVISION
    return division


def _tempos(clock: list[tuple[int, float]], division: int) -> Iterable[tuple[int, int]]:
    """Yield the tempos, (tick, microseconds of a quarter note), that keep to a clock.

    Args:
        clock: times in order, (tick, seconds)
        division: ticks of a quarter note
    """
    tempo = 0
    before, reached = 0, 0  # reached: microseconds times `division`, a whole number
    for tick, seconds in clock:
        if tick == before:
            continue
        target, length = seconds * 1_000_000 * division, tick - before
        if not tempo or abs(reached + tempo * length - target) > division:
            needed = min(max(round((target - reached) / length), 1), MAX_TEMPO_US)
            if needed != tempo:
                tempo = needed
                yield before, tempo
        reached += tempo * length
        before = tick


def _messages(
    notes: pd.DataFrame, onsets: np.ndarray, ends: np.ndarray
) -> Iterable[tuple[int, list[tuple[int, bytes]]]]:
    """Yield the messages, (tick, bytes), of each track that has notes, with its number."""
    columns = [notes[name].tolist() for name in ("track", "channel", "program", "velocity")]
    # In order of time, and of equal notes the first to end first; ends before onsets.
    rows = sorted(zip(*columns[:1], onsets.tolist(), notes["pitch_midi"].tolist(), ends.tolist(),
                      *columns[1:], strict=True))  # fmt: skip
    for track, own in itertools.groupby(rows, key=lambda row: row[0]):
        messages = []
        programs: dict[int, int] = {}
        for _, onset, pitch, end, channel, program, velocity in own:
            start = bytes([0x90 | channel, pitch, velocity])
            if programs.get(channel) != program:
                programs[channel] = program
                start = bytes([0xC0 | channel, program, 0]) + start  # 0 ticks between both
            messages.append((onset, 1, start))
            messages.append((end, 0, bytes([0x80 | channel, pitch, 64])))
        messages.sort(key=lambda message: message[:2])
        yield track, [(tick, message) for tick, _, message in messages]


def _track(events: list[tuple[int, bytes]]) -> bytes:
    """Return events, (tick, bytes), as the content of a track."""
    written, now = [], 0
    for tick, event in sorted(events, key=lambda event: event[0]):
        while tick - now > MAX_DELTA:  # a text without characters bridges the silence
            written += [_number(MAX_DELTA), _meta(0x01, b"")]
            now += MAX_DELTA
        written += [_number(tick - now), event]
        now = tick
    return b"".join([*written, b"\x00", _meta(0x2F, b"")])


def _number(value: int) -> bytes:
    """Return a number of variable length: seven bits a byte, and the eighth in all but the last."""
    septets = [value & 127]
    while value := value >> 7:
        septets.append(value & 127 | 128)
    return bytes(reversed(septets))


def _meta(kind: int, value: bytes) -> bytes:
    return bytes([0xFF, kind]) + _number(len(value)) + value


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4) + content
