"""The chunks of a standard MIDI file: its header and its tracks."""

from collections import Counter
from collections.abc import Iterator

from stages.music.sources.piece import UnreadableError

MAX_CHUNKS = 65_535  # the header can count no more tracks

# The negative first byte of a division in film frames: 29 means 29.97.
_FRAMES_PER_SECOND = {24: 24, 25: 25, 29: 30_000 / 1001, 30: 30}


def unwrap(data: bytes, repairs: Counter[str]) -> bytes:
    """Return the MIDI file without a RIFF file or other bytes around it, from `MThd` on."""
    if not data:
        raise UnreadableError("empty", "not a MIDI file: empty; export it again or remove it")
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        at = 12
        while data[at : at + 4] not in (b"data", b""):
            size = int.from_bytes(data[at + 4 : at + 8], "little")
            at += 8 + size + size % 2
        data = data[at + 8 : at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")]
    start = data.find(b"MThd", 0, 1024)  # after a MacBinary header, for example
    if start < 0:
        raise UnreadableError("not_midi", "not a MIDI file: no MThd at its start; remove the file")
    if start > 0:
        repairs["bytes_before_header"] += 1
        data = data[start:]
    if len(data) < 14:
        raise UnreadableError("header_cut", "the file ends in its header; remove the file")
    return data


def read_division(division: bytes) -> tuple[float, bool]:
    """Return the ticks of a quarter note, and whether ticks are fractions of a film frame (SMPTE).

    Film frames have no beats: half a second then counts as one, as at 120 quarter notes a minute.
    """
    high, low = division
    if high < 128:
        ticks_per_beat, is_smpte = high << 8 | low, False
    else:
        ticks_per_beat, is_smpte = _FRAMES_PER_SECOND.get(256 - high, 0) * low / 2, True
    if not ticks_per_beat:
        raise UnreadableError(
            "bad_division",
            f"its division, 0x{division.hex()}, is not a time; export the file again",
        )
    return ticks_per_beat, is_smpte


def _is_chunk(data: bytes, at: int) -> bool:
    """Return whether a chunk that fits into the file may begin at `at`."""
    name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8])
    return name == b"MTrk" or (
        len(name) == 4 and name.isalnum() and name.isascii() and at + 8 + size <= len(data)
    )


def find_tracks(data: bytes, repairs: Counter[str]) -> Iterator[tuple[int, int]]:
    """Yield the first byte of the events of each track, and the byte after the last.

    Where the length of a track cannot be right, the track ends where the next one begins.

    Raises:
        UnreadableError: the file has more than `MAX_CHUNKS` chunks.
    """
    at = 8 + int.from_bytes(data[4:8])
    if at < 14 or (at != len(data) and not _is_chunk(data, at)):
        repairs["wrong_header_length"] += 1
        at = 14
    for _ in range(MAX_CHUNKS + 1):
        if at >= len(data):
            return
        name, end = data[at : at + 4], at + 8 + int.from_bytes(data[at + 4 : at + 8])
        if name == b"MTrk":
            fits = end <= len(data) and (
                data[end - 3 : end] == b"\xff\x2f\x00" or end == len(data) or _is_chunk(data, end)
            )
            if not fits:
                repairs["wrong_track_length"] += 1
                end = _next_track(data, at + 8)
            yield at + 8, end
            at = end
        elif name == b"MThd":
            repairs["second_file_after_first"] += 1
            return
        elif _is_chunk(data, at):
            repairs["alien_chunk"] += 1
            at = end
        else:
            repairs["bytes_between_chunks"] += 1
            at = _next_track(data, at)
    raise UnreadableError("too_many_chunks", f"more than {MAX_CHUNKS:,} chunks; remove the file")


def _next_track(data: bytes, at: int) -> int:
    found = data.find(b"MTrk", at)
    return found if found >= 0 else len(data)
