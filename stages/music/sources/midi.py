"""A piece from a standard MIDI file.

Source: Standard MIDI Files 1.0 (MIDI Manufacturers Association, RP-001, 1996). `docs/midi.md` lists
what is done about files that break its rules.
"""

from bisect import bisect_right
from collections.abc import Callable
from operator import itemgetter

from stages.music.sources.midi_chunks import find_tracks, read_division, unwrap
from stages.music.sources.midi_controls import read_controls
from stages.music.sources.midi_tracks import Contents, read_track
from stages.music.sources.piece import Metre, Note, Piece, Tempo, UnreadableError

MAX_BEATS = 100_000  # the longest pieces written for people stay far below it
DRUM_CHANNEL = 9
_DEFAULT_TEMPO_US = 500_000  # microseconds a quarter note: 120 a minute


def read_midi(data: bytes) -> list[Piece]:
    """Read a standard MIDI file of type 0 or 1, bare or inside a RIFF file (RMID).

    A note off ends the earliest note of its track, channel and pitch that still sounds. The program
    of a note is the last one that its track set for its channel; if its track has set none, the
    last one that any track has set by then. Tempos and time signatures apply to all tracks.

    Args:
        data: the file

    Raises:
        UnreadableError: the file is not a MIDI file, or its faults leave open which notes it means.
    """
    contents = Contents()
    repairs = contents.repairs
    data = unwrap(data, repairs)
    kind, n_tracks = int.from_bytes(data[8:10]), int.from_bytes(data[10:12])
    if kind == 2:
        raise UnreadableError("type_2", "type 2: patterns, not one piece; save it as type 1")
    if kind > 2:
        raise UnreadableError("unknown_type", f"type {kind} does not exist; save it as type 1")
    ticks_per_beat, is_smpte = read_division(data[12:14])
    found = 0
    for start, end in find_tracks(data, repairs):
        found += 1
        read_track(data[start:end], found, contents)
    if not found:
        raise UnreadableError("no_track", "no track; export the file again or remove it")
    if found != n_tracks:
        repairs["wrong_track_count"] += 1
    if kind == 0 and found > 1:
        repairs["type_0_with_several_tracks"] += 1
    if not contents.notes:
        raise UnreadableError("no_notes", "no notes; remove the file")
    if is_smpte and contents.tempos:
        repairs["tempo_with_smpte_division"] += len(contents.tempos)
        contents.tempos = []
    tempos = _changes([(0, _DEFAULT_TEMPO_US), *contents.tempos])
    metres, pickup_beats = _metres(contents.metres, ticks_per_beat)
    clock = _clock(tempos)
    per_second = 1_000_000 * ticks_per_beat
    bends, pedals = read_controls(contents.controls, lambda tick: clock(tick) / per_second)
    piece = Piece(
        title=contents.names[0],
        notes=_notes(contents, clock, ticks_per_beat),
        track_names=contents.names,
        metres=metres,
        tempos=[Tempo(tick / ticks_per_beat, 60_000_000 / tempo) for tick, tempo in tempos],
        pickup_beats=pickup_beats,
        licence="; ".join(dict.fromkeys(contents.licences)),
        repairs=dict(sorted(repairs.items())),
        bends=bends,
        pedals=pedals,
    )
    return [piece]


def _changes(events: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return events in order of time without those that change nothing.

    Of several events at one time, the last one holds.
    """
    changes = []
    for tick, event in {event[0]: event for event in sorted(events, key=itemgetter(0))}.items():
        if not changes or event[1:] != changes[-1][1:]:
            changes.append((tick, *event[1:]))
    return changes


def _metres(
    signatures: list[tuple[int, int, int]], ticks_per_beat: float
) -> tuple[list[Metre], float]:
    """Return the metres of a piece, and the quarter notes before its first full bar.

    A first time signature that holds for exactly one bar, shorter than the next, is a pickup.
    """
    changes = _changes([(0, 4, 4), *signatures])
    metres = [Metre(tick / ticks_per_beat, *signature) for tick, *signature in changes]
    if len(metres) > 1:
        pickup_beats = metres[0].beats_per_bar
        if metres[1].onset_beats == pickup_beats < metres[1].beats_per_bar:
            return [metres[1]._replace(onset_beats=0.0), *metres[2:]], pickup_beats
    return metres, 0.0


def _clock(tempos: list[tuple[int, int]]) -> Callable[[int], int]:
    """Return a function from a tick to its time, in microseconds times ticks of a quarter note.

    Such times are whole numbers: nothing is rounded.
    """
    starts, clocks, now, clock = [], [], 0, 0
    for (start, tempo), (before, _) in zip(tempos, [(0, 0), *tempos], strict=False):
        clock += (start - before) * now
        now = tempo
        starts.append(start)
        clocks.append(clock)

    def time_of(tick: int) -> int:
        change = bisect_right(starts, tick) - 1
        return clocks[change] + (tick - starts[change]) * tempos[change][1]

    return time_of


def _notes(contents: Contents, clock: Callable[[int], int], ticks_per_beat: float) -> list[Note]:
    """Return the notes in order of onset, track and pitch, with times in beats and in seconds."""
    contents.notes.sort()
    last = max(note[3] for note in contents.notes)
    if last > MAX_BEATS * ticks_per_beat:
        raise UnreadableError(
            "too_long",
            f"a note ends after {last / ticks_per_beat:,.0f} quarter notes, and pieces of up to "
            f"{MAX_BEATS:,} are read; correct its time or remove the file",
        )
    clock_of = {
        tick: clock(tick) for tick in {t for note in contents.notes for t in (note[0], note[3])}
    }
    per_second = 1_000_000 * ticks_per_beat
    for programs in contents.programs.values():
        programs.sort(key=itemgetter(0))
    notes = []
    for onset, track, pitch, end, channel, velocity, program in contents.notes:
        if program < 0:
            changes = contents.programs[channel]
            change = bisect_right(changes, onset, key=itemgetter(0))
            program = changes[change - 1][1] if change else 0
        start = clock_of[onset]
        notes.append(
            Note(
                track,
                channel,
                program,
                channel == DRUM_CHANNEL,
                onset / ticks_per_beat,
                (end - onset) / ticks_per_beat,
                start / per_second,
                (clock_of[end] - start) / per_second,
                pitch,
                velocity,
            )
        )
    return notes
