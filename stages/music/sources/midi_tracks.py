"""The events of the tracks of a standard MIDI file."""

from collections import Counter, defaultdict, deque

from stages.music.sources.encodings import decode_text
from stages.music.sources.piece import UnreadableError

MAX_EVENTS = 300_000  # a limit on time and memory that pieces for people hardly reach

_SYSTEM_LENGTHS = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes of system messages; others have none
# Kinds of meta events, and how many bytes those of a fixed length have.
_TITLE, _COPYRIGHT, _END, _TEMPO, _METRE, _KEY = 0x03, 0x02, 0x2F, 0x51, 0x58, 0x59
_META_LENGTHS = {0x00: 2, 0x20: 1, 0x21: 1, _TEMPO: 3, 0x54: 5, _METRE: 4, _KEY: 2}
# Controllers; those of a registered parameter come before its value.
BEND = -1
PEDAL, PARAMETER_HIGH, PARAMETER_LOW, VALUE_HIGH, VALUE_LOW, RESET = 64, 101, 100, 6, 38, 121
_CONTROLLERS = {BEND, PEDAL, PARAMETER_HIGH, PARAMETER_LOW, VALUE_HIGH, VALUE_LOW, RESET}


class Contents:
    """What the tracks read so far contain. Times are in ticks.

    Attributes:
        notes: (onset, track, pitch, end, channel, velocity, program), where program is -1 for a
            note without a change of program before it in its track
        tempos: (onset, microseconds a quarter note)
        metres: (onset, numerator, denominator)
        programs: (onset, program) by channel
        controls: (onset, channel, controller, value) of bends, whose controller is BEND, and of
            the controllers that matter to performing them
        names: names of tracks
        licences: copyright notices
        repairs: number of repairs by kind of fault
        events_left: number of further events before the file is refused
    """

    def __init__(self) -> None:
        self.notes: list[tuple[int, int, int, int, int, int, int]] = []
        self.tempos: list[tuple[int, int]] = []
        self.metres: list[tuple[int, int, int]] = []
        self.programs: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        self.controls: list[tuple[int, int, int, int]] = []
        self.names: list[str] = []
        self.licences: list[str] = []
        self.repairs: Counter[str] = Counter()
        self.events_left = MAX_EVENTS


def _number(data: bytes, at: int, track: int) -> tuple[int, int]:
    """Return the number of variable length at `at`, and the position after it."""
    value = 0
    for position in range(at, at + 4):
        byte = data[position]
        value = value << 7 | byte & 127
        if byte < 128:
            return value, position + 1
    raise UnreadableError(
        "number_too_long",
        f"track {track}: a time or length of more than four bytes; export the file again",
    )


def read_track(data: bytes, track: int, contents: Contents) -> None:
    """Add the events of a track to `contents`.

    Args:
        data: events of the track
        track: number of the track, from 1
        contents: what the tracks before contain
    """
    notes, repairs = contents.notes, contents.repairs
    sounding: defaultdict[int, deque[tuple[int, int, int]]] = defaultdict(deque)
    programs = [-1] * 16
    texts: dict[int, bytes] = {}
    at = tick = 0
    running = 0  # status that holds for events without one
    cancelled = 0  # status that held before an event that cancels it
    ended = False
    count = 0
    # An index past the end of the data ends the loop: this saves a comparison for every byte.
    try:
        for count in range(contents.events_left):  # noqa: B007 (read after the loop)
            byte = data[at]
            at += 1
            if byte > 127:
                byte, at = _number(data, at - 1, track)
            tick += byte
            status = data[at]
            if status > 127:
                at += 1
            elif running:
                status = running
            elif cancelled:
                repairs["running_status_after_other_event"] += 1
                status = cancelled
            else:
                raise UnreadableError(
                    "no_status",
                    f"track {track}: data byte without a status before it; export the file again "
                    "or remove it",
                )
            if status > 0xEF:
                running, cancelled = 0, running or cancelled
                if status == 0xFF:
                    kind = data[at]
                    length, at = _number(data, at + 1, track)
                    if kind == _END:
                        ended = True
                        break
                    if at + length > len(data):
                        break
                    if length < _META_LENGTHS.get(kind, 0):
                        repairs["short_meta_event"] += 1
                    if kind in (_TITLE, _COPYRIGHT):
                        texts.setdefault(kind, data[at : at + length])
                    elif length and kind in (_TEMPO, _METRE, _KEY):
                        _read_meta(kind, data[at : at + length], tick, contents)
                    at += length
                elif status in (0xF0, 0xF7):
                    length, at = _number(data, at, track)
                    at += length
                else:
                    repairs["system_message"] += 1
                    at += _SYSTEM_LENGTHS.get(status, 0)
                continue
            running = status
            if status < 0xA0:  # note off or on
                pitch = data[at]
                velocity = data[at + 1]
                at += 2
                own = sounding[(status & 15) << 8 | pitch]
                if status > 0x8F and velocity:
                    if pitch > 127:
                        repairs["pitch_over_127"] += 1
                        continue
                    if velocity > 127:
                        repairs["velocity_over_127"] += 1
                        velocity = 127
                    own.append((tick, velocity, programs[status & 15]))
                elif own:
                    onset, velocity, program = own.popleft()
                    if onset == tick:
                        repairs["zero_length_note"] += 1
                    else:
                        notes.append((onset, track, pitch, tick, status & 15, velocity, program))
                else:
                    repairs["off_without_on"] += 1
            elif status < 0xB0:  # pressure of a note
                at += 2
            elif status < 0xC0 or status > 0xDF:  # controller, bend
                low, high = data[at], data[at + 1]
                at += 2
                controller = BEND if status > 0xDF else low
                if controller in _CONTROLLERS:
                    if low > 127 or high > 127:
                        repairs["control_over_127"] += 1
                        continue
                    value = high << 7 | low if controller == BEND else high
                    contents.controls.append((tick, status & 15, controller, value))
            elif status < 0xD0:
                if data[at] > 127:
                    repairs["program_over_127"] += 1
                else:
                    programs[status & 15] = data[at]
                    contents.programs[status & 15].append((tick, data[at]))
                at += 1
            else:  # pressure of a channel
                at += 1
        else:
            raise UnreadableError(
                "too_many_events", f"more than {MAX_EVENTS:,} events; split it into shorter pieces"
            )
    except IndexError:
        pass
    contents.events_left -= count + 1
    if not ended:
        repairs["track_without_end"] += 1
    elif at < len(data):
        repairs["bytes_after_end_of_track"] += 1
    for key, own in sounding.items():
        for onset, velocity, program in own:
            if onset == tick:
                repairs["zero_length_note"] += 1
            else:
                repairs["note_without_off"] += 1
                notes.append((onset, track, key & 255, tick, key >> 8, velocity, program))
    contents.names.append(decode_text(texts.get(_TITLE, b"")))
    if licence := decode_text(texts.get(_COPYRIGHT, b"")):
        contents.licences.append(licence)


def _read_meta(kind: int, value: bytes, tick: int, contents: Contents) -> None:
    """Add a tempo or a time signature to `contents`; only check a key signature."""
    if kind == _TEMPO and len(value) >= 3:
        if tempo := int.from_bytes(value[:3]):
            contents.tempos.append((tick, tempo))
        else:
            contents.repairs["zero_tempo"] += 1
    elif kind == _METRE and len(value) >= 2:
        if value[0] and value[1] <= 7:
            contents.metres.append((tick, value[0], 2 ** value[1]))
        else:
            contents.repairs["bad_time_signature"] += 1
    elif kind == _KEY and len(value) >= 2:
        sharps = value[0] - 256 if value[0] > 127 else value[0]
        if abs(sharps) > 7 or value[1] > 1:
            contents.repairs["bad_key_signature"] += 1
