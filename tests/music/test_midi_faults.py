"""Files with faults: each is read, repaired with a count, or refused in a sentence."""

import json
import math
import random
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from midi_files import chunk, header, meta, midi_file, note
from tiny import SHARED_DATA

from stages.music.sources.midi import read_midi
from stages.music.sources.midi_tracks import MAX_EVENTS
from stages.music.sources.piece import Piece, UnreadableError

WILD = SHARED_DATA / "midi_wild"
CASES = json.loads((WILD / "cases.json").read_text()) if WILD.exists() else []
BEAT = b"\x83\x60"  # 480 ticks
END = b"\x00\xff\x2f\x00"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_files_as_people_have_reported_them(case):
    data = (WILD / case["file"]).read_bytes()
    expected = case["expected"]
    if "error" in expected:
        with pytest.raises(UnreadableError, match=rf"^{re.escape(expected['error'])}[:;]"):
            read_midi(data)
        return
    (piece,) = read_midi(data)
    assert expected["notes"] == [
        {
            "channel": n.channel,
            "pitch_midi": n.pitch_midi,
            "velocity": n.velocity,
            "start_s": n.onset_seconds,
            "end_s": n.onset_seconds + n.duration_seconds,
        }
        for n in piece.notes
    ]


ON, OFF = b"\x00\x90\x3c\x40", BEAT + b"\x80\x3c\x40"
TRACK = chunk(b"MTrk", note() + END)
TEMPO = meta(0x51, b"\x07\xa1\x20")


@pytest.mark.parametrize(
    ("data", "repairs"),
    [
        (midi_file(note()), {}),
        (b"\x00" * 128 + midi_file(note()), {"bytes_before_header": 1}),
        (midi_file(note()) + b"\x00" * 9, {"bytes_between_chunks": 1}),
        (header(1, 1) + chunk(b"XFIH", b"abc") + TRACK, {"alien_chunk": 1}),
        (header(1, 2) + TRACK, {"wrong_track_count": 1}),
        (header(0, 2) + TRACK + chunk(b"MTrk", END), {"type_0_with_several_tracks": 1}),
        (midi_file(note()) + midi_file(note(72)), {"second_file_after_first": 1}),
        (b"MThd\x00\x00\x00\xff" + header(1, 1)[8:] + TRACK, {"wrong_header_length": 1}),
        (header(1, 1) + b"MTrk\xff\x00\x00\x00" + TRACK[8:], {"wrong_track_length": 1}),
        (header(1, 1) + b"MTrk\x00\x00\x00\x05" + TRACK[8:], {"wrong_track_length": 1}),
        (header(1, 1) + chunk(b"MTrk", note()), {"track_without_end": 1}),
        (midi_file(note() + END + note()), {"bytes_after_end_of_track": 1}),
        (midi_file(ON + meta(1, b"", BEAT)), {"note_without_off": 1}),
        (midi_file(b"\x00\x80\x3c\x40" + note()), {"off_without_on": 1}),
        (midi_file(ON + b"\x00\x3c\x00" + note()), {"zero_length_note": 1}),
        (midi_file(note() + ON), {"zero_length_note": 1}),
        (midi_file(note(velocity=200)), {"velocity_over_127": 1}),
        (midi_file(b"\x00\x90\xc8\x40" + note()), {"pitch_over_127": 1}),
        (midi_file(b"\x00\xc0\xc8" + note()), {"program_over_127": 1}),
        (midi_file(b"\x00\xe0\x00\xc8" + note()), {"control_over_127": 1}),
        (midi_file(b"\x00\xb0\x40\xc8" + note()), {"control_over_127": 1}),
        (midi_file(ON + meta(1, b"x") + BEAT + b"\x3c\x00"),
         {"running_status_after_other_event": 1}),
        (midi_file(ON + b"\x00\xf0\x01\xf7" + BEAT + b"\x3c\x00"),
         {"running_status_after_other_event": 1}),
        (midi_file(b"\x00\xf2\x01\x02\x00\xf8" + note()), {"system_message": 2}),
        (midi_file(meta(0x51, b"\x00\x00\x00") + note()), {"zero_tempo": 1}),
        (midi_file(meta(0x51, b"\x07") + note()), {"short_meta_event": 1}),
        (midi_file(meta(0x00, b"") + meta(0x58, b"\x03\x02") + note()), {"short_meta_event": 2}),
        (midi_file(meta(0x58, b"\x00\x02\x18\x08") + note()), {"bad_time_signature": 1}),
        (midi_file(meta(0x58, b"\x04\xff\x18\x08") + note()), {"bad_time_signature": 1}),
        (midi_file(meta(0x59, b"\x80\x00") + note()), {"bad_key_signature": 1}),
        (midi_file(meta(0x59, b"\xf9\x01") + note()), {}),
        (midi_file(TEMPO + note(), division=b"\xe7\x28"), {"tempo_with_smpte_division": 1}),
    ],
)  # fmt: skip
def test_a_repair_is_counted_and_leaves_the_note(data, repairs):
    (piece,) = read_midi(data)
    assert piece.repairs == repairs
    assert [(n.onset_beats, n.pitch_midi, n.velocity in (64, 100, 127)) for n in piece.notes] == [
        (0, 60, True)
    ]
    assert piece.notes[0].duration_seconds == (0.48 if data[12] == 0xE7 else 0.5)


def test_a_key_signature_of_seven_flats_is_in_range_and_two_byte_metres_count():
    (piece,) = read_midi(midi_file(meta(0x58, b"\x03\x02") + note()))
    assert piece.metres == [(0, 3, 4)]
    (piece,) = read_midi(midi_file(meta(0x58, b"\x00\x02\x18\x08") + note()))
    assert piece.metres == [(0, 4, 4)]


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_cut_file_keeps_the_notes_before_the_cut(cut):
    data = header(1, 2) + TRACK + chunk(b"MTrk", note(64) + note(67) + END)
    (piece,) = read_midi(data[: -len(END) - cut])
    assert [n.pitch_midi for n in piece.notes] == [60, 64, *([67] if cut < 4 else [])]
    # A note without its end lasts to the last time that is there; of length zero, it is dropped.
    assert piece.repairs["track_without_end"] == piece.repairs["wrong_track_length"] == 1


@pytest.mark.parametrize(
    ("data", "reason", "message"),
    [
        (b"", "empty", "not a MIDI file: empty; "),
        (b"RIFF\x00\x00\x00\x00WAVEdata", "not_midi", "not a MIDI file: no MThd at its start; "),
        (b"RIFF\x00\x00\x00\x00RMIDLIST", "not_midi", "not a MIDI file: no MThd at its start; "),
        (b"<score-partwise>" * 99, "not_midi", "not a MIDI file: no MThd at its start; "),
        (header(1, 1)[:-1], "header_cut", "the file ends in its header; "),
        (midi_file(note(), kind=2), "type_2", "type 2: patterns, not one piece; "),
        (midi_file(note(), kind=3), "unknown_type", "type 3 does not exist; "),
        (header(1, 0), "no_track", "no track; "),
        (midi_file(b""), "no_notes", "no notes; "),
        (midi_file(note(), division=b"\x00\x00"), "bad_division", "its division, 0x0000, is not "),
        (midi_file(note(), division=b"\xe7\x00"), "bad_division", "its division, 0xe700, is not "),
        (midi_file(note(), division=b"\x85\x28"), "bad_division", "its division, 0x8528, is not "),
        (midi_file(note(), b"\x00\x3c\x40"), "no_status", "track 2: data byte without a status "),
        (midi_file(b"\x80" * 9), "number_too_long", "track 1: a time or length of more than four "),
        (midi_file(meta(1, b"", b"\xff\xff\xff\x7f") + note(), division=b"\x00\x01"), "too_long",
         "a note ends after 268,435,935 quarter notes, "),
        (midi_file(note() * (MAX_EVENTS // 2)), "too_many_events", "more than 300,000 events; "),
        (midi_file(note()) + b"MTrk\x00\x00\x00\x00" * 65_535, "too_many_chunks",
         "more than 65,535 chunks; "),
    ],
)  # fmt: skip
def test_a_file_is_refused_in_a_sentence(data, reason, message):
    with pytest.raises(UnreadableError) as error:
        read_midi(data)
    assert error.value.reason == reason
    assert str(error.value).startswith(message)


def running(event: bytes, count: int) -> bytes:
    """Return a track with a note and then `count` times the same bytes."""
    return ON + event * count


MEGA = 1_000_000
# Processor time, as a multiple of that of an ordinary file of as many notes as are allowed. A
# reader that goes through all events for each of them would take far longer.
MOST_TIMES_ORDINARY = 30
HOSTILE = {
    "notes": lambda: midi_file(running(b"\x01\x3c\x40\x01\x3c\x00", 10 * MEGA // 6)),
    "notes at the limit": lambda: midi_file(running(b"\x00\x3c\x40", MAX_EVENTS - 9)),
    "chords": lambda: midi_file(ON + b"\x00\x3c\x40" * 149_000 + b"\x01\x3c\x00" * 149_000),
    "programs": lambda: midi_file(ON + b"\x00\xc1\x01" + b"\x00\x01" * (MAX_EVENTS - 9)),
    "tempos": lambda: midi_file(
        ON + b"".join(meta(0x51, n.to_bytes(3), b"\x01") for n in range(1, MAX_EVENTS - 9))
    ),
    "metres": lambda: midi_file(
        ON + b"".join(meta(0x58, bytes([n % 99 + 1, 2]), b"\x01") for n in range(MAX_EVENTS - 9))
    ),
    "tracks": lambda: midi_file(note(), *[b""] * 60_000),
    "empty tracks": lambda: midi_file(note()) + b"MTrk\x00\x00\x00\x00" * (10 * MEGA // 8),
    "alien chunks": lambda: midi_file(note()) + b"XFIH\x00\x00\x00\x00" * (10 * MEGA // 8),
    "lengths": lambda: header(1, 1) + b"MTrk\xff\xff\xff\xff" * (10 * MEGA // 8),
    "one number": lambda: header(1, 1) + chunk(b"MTrk", b"\xff" * 10 * MEGA),
    "one name": lambda: midi_file(
        b"\x00\xff\x03\x84\xe2\xad\x00" + b"\x83\x73" * 5 * MEGA + note()
    ),
    "names": lambda: midi_file(*[meta(3, b"\x83\x73\xe9j") + note()] * 30_000),
    "a RIFF file": lambda: b"RIFF\x00\x00\x00\x00RMID" + b"LIST\x00\x00\x00\x00" * (10 * MEGA // 8),
    "zeros": lambda: bytes(10 * MEGA),
}


@pytest.fixture(scope="module")
def ordinary_seconds():
    """Processor time of reading a file of as many notes as are allowed."""
    data = HOSTILE["notes at the limit"]()
    return min(read_timed(data)[1] for _ in range(3))


@pytest.mark.parametrize("name", HOSTILE)
def test_large_files_made_to_harm_take_little_time_and_memory(name, ordinary_seconds):
    data = HOSTILE[name]()
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = peak_mib()
    result, seconds = read_timed(data)
    assert seconds < MOST_TIMES_ORDINARY * ordinary_seconds
    assert peak_mib() - before < 500
    outcome(result)


def peak_mib() -> float:
    """Return the largest memory that this process has had."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1024


def read_timed(data: bytes) -> tuple[Piece | UnreadableError, float]:
    """Return what is read of a file, and the processor time in seconds."""
    start = time.process_time()
    try:
        (result,) = read_midi(data)
    except UnreadableError as error:
        result = error
    return result, time.process_time() - start


def outcome(result: Piece | UnreadableError) -> str:
    """Return what became of a file once that is known to be sound."""
    if isinstance(result, UnreadableError):
        message = str(result)
        assert re.fullmatch(r"[a-z0-9_]+", result.reason)
        assert re.fullmatch(r"[ -~]{5,120}[;,] .*(save|export|remove|split).*", message), message
        return "refused"
    check(result)
    return "repaired" if result.repairs else "read"


def check(piece: Piece) -> None:
    assert piece.notes
    assert all(
        n.duration_beats > 0
        and n.duration_seconds > 0
        and 0 <= n.onset_beats < 100_001
        and 0 <= n.onset_seconds < math.inf
        and 0 <= n.pitch_midi < 128
        and 0 < n.velocity < 128
        and 0 <= n.program < 128
        and n.is_drum == (n.channel == 9)
        and 0 < n.track <= len(piece.track_names)
        for n in piece.notes
    )
    order = [(n.onset_beats, n.track, n.pitch_midi) for n in piece.notes]
    assert order == sorted(order)
    assert piece.metres[0].onset_beats == piece.tempos[0].onset_beats == 0
    assert piece.pickup_beats < piece.metres[0].beats_per_bar
    assert all(count > 0 for count in piece.repairs.values())


def flip(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice([1, 2, 8, 64])):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def cut(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(1, len(data)) :]


def drop(data: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(data))
    del data[start : start + draw.randrange(1, 40)]


def insert(data: bytearray, draw: random.Random) -> None:
    run = draw.choice([b"\x00", b"\xff", b"\x80", b"\x90\x3c", b"\xff\x2f\x00", b"MTrk", b"MThd",
                       draw.randbytes(8)])  # fmt: skip
    start = draw.randrange(len(data))
    data[start:start] = run * draw.choice([1, 2, 30, 1_000])


def swap_chunks(data: bytearray, draw: random.Random) -> None:
    chunks = re.split(rb"(?=MT(?:hd|rk))", bytes(data))
    draw.shuffle(chunks)
    data[:] = b"".join(chunks)


def change_number(data: bytearray, draw: random.Random) -> None:
    """Change a length, or the type, number of tracks or division in the header."""
    starts = [found.end() for found in re.finditer(b"MThd|MTrk", data)]
    at = draw.choice([*starts, 8, 10, 12])
    value = draw.choice([draw.randbytes(4), b"\x00" * 4, b"\xff" * 4, b"\x00\x00\x00\x01"])
    size = 4 if at in starts else 2
    data[at : at + size] = value[:size]


MUTATIONS = [flip, cut, drop, insert, swap_chunks, change_number]


@pytest.mark.skipif(not WILD.exists(), reason="needs ../shared/data")
def test_two_thousand_mutated_files_are_read_repaired_or_refused(ordinary_seconds):
    draw = random.Random(1)
    tunes = sorted((SHARED_DATA / "midi").glob("*.mid"))
    sound = [path.read_bytes() for path in [*tunes, *sorted(WILD.glob("*.mid"))]]
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_mib()
    outcomes = Counter()
    for number in range(2_000):
        data = bytearray(sound[number % len(sound)] or b"MThd")
        for _ in range(draw.choice([1, 1, 2, 4])):
            if len(data) > 1:
                draw.choice(MUTATIONS)(data, draw)
        result, seconds = read_timed(bytes(data))
        assert seconds < MOST_TIMES_ORDINARY * ordinary_seconds
        outcomes[outcome(result)] += 1
    assert peak_mib() - before < 100
    assert min(outcomes[kind] for kind in ("read", "repaired", "refused")) > 50, outcomes
