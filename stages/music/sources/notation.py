"""Written music as a piece: what the readers of MusicXML, ABC and kern share."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from stages.music.sources.encodings import MAX_LENGTH, decode_text
from stages.music.sources.midi import DRUM_CHANNEL, MAX_BEATS
from stages.music.sources.piece import Metre, Note, Piece, Tempo, UnreadableError

VELOCITY = 80  # of all notes: dynamics are not read
TEMPO_BPM = 120.0  # of music that states none, as in MIDI
_METRE = (4, 4)  # of music that states none, as in MIDI
_BPM_RANGE = (60_000_000 / 0xFFFFFF, 60_000_000)  # what a MIDI file can state
# Notation has no channels; each part gets one, as in MIDI without that of the drums.
_CHANNELS = [channel for channel in range(16) if channel != DRUM_CHANNEL]


class WrittenNote(NamedTuple):
    """A note as it is written.

    Attributes:
        onset_beats: onset in quarter notes from the start of the piece
        duration_beats: duration in quarter notes
        pitch_midi: MIDI pitch as it sounds, or of the drum
        ends_tie: whether a tie leads to it
        starts_tie: whether a tie leads from it to the next note
        program: General MIDI program, 0 to 127
        is_drum: whether the pitch names a drum
    """

    onset_beats: Fraction
    duration_beats: Fraction
    pitch_midi: int
    ends_tie: bool = False
    starts_tie: bool = False
    program: int = 0
    is_drum: bool = False


class Part(NamedTuple):
    """A part: its name, empty if it has none, and its notes in any order."""

    name: str
    notes: list[WrittenNote]


def piece_of(
    parts: Sequence[Part],
    *,
    title: str,
    metres: Iterable[Metre],
    tempos: Iterable[Tempo],
    first_bar_beats: Fraction,
    licence: str,
    repairs: Counter[str],
) -> Piece:
    """Return written parts as a piece with a track for each part.

    Ties are joined. Notes that are too low or too high for MIDI or have no duration, and metres and
    tempos that MIDI cannot express, are left out and counted as repairs. Where nothing is stated at
    the start, the metre is 4/4 and the tempo 120. Of several metres or tempos in one place, the
    last one holds.

    Args:
        parts: parts
        title: title; empty if there is none
        metres: time signatures in any order
        tempos: tempos in any order
        first_bar_beats: length of the first bar in quarter notes; if the metre has longer bars, the
            first one is a pickup
        licence: what the file says of its licence
        repairs: repairs of the reader

    Raises:
        UnreadableError: no note is left, or the piece is too long.
    """
    repairs = Counter(repairs)
    metre_changes = _changes(_playable_metres(metres, repairs))
    tempo_changes = _changes(_playable_tempos(tempos, repairs))
    clock = _Clock(tempo_changes)
    notes = []
    for number, part in enumerate(parts):
        for note in join_ties(_playable_notes(part.notes, repairs)):
            onset, end = float(note.onset_beats), float(note.onset_beats + note.duration_beats)
            if end > MAX_BEATS:
                raise UnreadableError(
                    "too_long",
                    f"a note ends after {end:,.0f} quarter notes, and pieces of up to "
                    f"{MAX_BEATS:,} are read; correct its duration or remove the file",
                )
            onset_seconds = clock.seconds(onset)
            notes.append(
                Note(
                    track=number + 1,
                    channel=DRUM_CHANNEL if note.is_drum else _CHANNELS[number % len(_CHANNELS)],
                    program=note.program,
                    is_drum=note.is_drum,
                    onset_beats=onset,
                    duration_beats=float(note.duration_beats),
                    onset_seconds=onset_seconds,
                    duration_seconds=clock.seconds(end) - onset_seconds,
                    pitch_midi=note.pitch_midi,
                    velocity=VELOCITY,
                )
            )
    if not notes:
        raise UnreadableError("no_notes", "no notes; remove the file")
    notes.sort(key=lambda note: (note.onset_beats, note.track, note.pitch_midi))
    pickup = 0.0
    if metre_changes and 0 < first_bar_beats < metre_changes[0].beats_per_bar:
        pickup = float(first_bar_beats)
    return Piece(
        title=title,
        notes=notes,
        track_names=[part.name for part in parts],
        metres=_from_start(metre_changes, Metre(0.0, *_METRE)),
        tempos=_from_start(tempo_changes, Tempo(0.0, TEMPO_BPM)),
        pickup_beats=pickup,
        licence=licence,
        repairs=dict(sorted(repairs.items())),
    )


def decode(data: bytes) -> tuple[str, str]:
    """Return the text of a file whose notes are written in ASCII, and the encoding of the text.

    The encoding is Latin-1, which gives every byte a character, if it is not UTF-8 or UTF-16.
    Titles are then decoded anew by `decode_part`.
    """
    is_utf_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    encoding = "utf-16" if is_utf_16 else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        encoding = "latin-1"
        text = data.decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", " "), encoding


def decode_part(text: str, encoding: str) -> str:
    """Return a title or the like in one line, decoded by its own characters if need be."""
    if encoding == "latin-1":
        text = decode_text(text.encode(encoding))
    return " ".join(text.split())[:MAX_LENGTH]


def join_ties(notes: Iterable[WrittenNote]) -> list[WrittenNote]:
    """Return notes in order of onset, those that ties connect as one.

    A tie connects a note with the one of the same pitch that starts where it ends, even if only
    its start is written. Any other tie, such as one into a second ending, is left out.
    """
    joined: list[WrittenNote] = []
    tied: dict[tuple[int, Fraction], list[int]] = {}  # pitch, end -> indices in `joined`
    for note in sorted(notes, key=lambda note: (note.onset_beats, not note.ends_tie)):
        before = tied.get((note.pitch_midi, note.onset_beats)) if tied else None
        if before:
            index = before.pop(0)
            whole = joined[index].duration_beats + note.duration_beats
            joined[index] = joined[index]._replace(duration_beats=whole)
        else:
            index = len(joined)
            joined.append(note)
        if note.starts_tie:
            end = note.onset_beats + note.duration_beats
            tied.setdefault((note.pitch_midi, end), []).append(index)
    return joined


def _playable_notes(notes: Iterable[WrittenNote], repairs: Counter[str]) -> Iterable[WrittenNote]:
    for note in notes:
        if not 0 <= note.pitch_midi <= 127:
            repairs["pitch_out_of_range"] += 1
        elif note.duration_beats <= 0:
            repairs["zero_length_note"] += 1
        else:
            yield note


def _playable_metres(metres: Iterable[Metre], repairs: Counter[str]) -> Iterable[Metre]:
    for metre in metres:
        if 1 <= metre.numerator <= 255 and metre.denominator in (1, 2, 4, 8, 16, 32, 64, 128):
            yield metre
        else:
            repairs["bad_time_signature"] += 1


def _playable_tempos(tempos: Iterable[Tempo], repairs: Counter[str]) -> Iterable[Tempo]:
    slowest, fastest = _BPM_RANGE
    for tempo in tempos:
        if slowest <= tempo.bpm <= fastest:  # false for NaN, too
            yield tempo
        else:
            repairs["bad_tempo"] += 1


def _changes(stated: Iterable[Metre] | Iterable[Tempo]) -> list:
    """Return what is stated, in order, without what changes nothing."""
    changes: list = []
    last = {change.onset_beats: change for change in stated}
    for _, change in sorted(last.items()):
        if not changes or changes[-1][1:] != change[1:]:
            changes.append(change)
    return changes


def _from_start(changes: list, default: Metre | Tempo) -> list:
    return changes if changes and changes[0].onset_beats <= 0 else [default, *changes]


class _Clock:
    """Times of places in a piece whose tempo changes."""

    def __init__(self, changes: list[Tempo]):
        tempos = _from_start(changes, Tempo(0.0, TEMPO_BPM))
        self._bpm = [tempo.bpm for tempo in tempos]
        self._beats = [tempo.onset_beats for tempo in tempos]
        self._seconds = [0.0]
        for before, after in pairwise(tempos):
            passed = (after.onset_beats - before.onset_beats) * 60 / before.bpm
            self._seconds.append(self._seconds[-1] + passed)

    def seconds(self, beats: float) -> float:
        """Return the time of a place in quarter notes, in seconds."""
        index = bisect_right(self._beats, beats) - 1
        return self._seconds[index] + (beats - self._beats[index]) * 60 / self._bpm[index]
