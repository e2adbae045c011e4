"""A voice of a tune in ABC."""

import re
from collections.abc import Sequence
from fractions import Fraction

from stages.music.sources.abc_fields import (
    ALTERED,
    read_key,
    read_metre,
    read_shift,
    read_tempo,
    read_unit,
    unit_of_metre,
)
from stages.music.sources.notation import WrittenNote
from stages.music.sources.piece import Metre, Tempo, UnreadableError

LENGTH = r"\d{0,5}/{0,6}\d{0,5}"
NOTE = r"(?:\^\^?|__?|=)?[A-Ga-g][,']*" + LENGTH
_SPLIT_NOTE = re.compile(r"(\^\^?|__?|=)?([A-Ga-g])([,']*)(.*)")
_SPLIT_LENGTH = re.compile(r"(\d*)(/*)(\d*)")
_IN_CHORD = re.compile(rf'"[^"]*"|![^!]*!|(?P<note>{NOTE})(?P<tie>-?)')
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def read_length(text: str) -> Fraction:
    """Return the length of a note as a multiple of the unit: `3`, `/2`, `3/4` or `//`.

    Raises:
        UnreadableError: it is divided by 0.
    """
    number, slashes, divisor = _SPLIT_LENGTH.match(text).groups()
    if divisor and int(divisor) == 0:
        raise UnreadableError("malformed", "a note length in a tune is divided by 0; correct it")
    return Fraction(int(number or 1), int(divisor) if divisor else 2 ** len(slashes))


class Voice:
    """What has been read of a voice.

    Attributes:
        name: name
        program: General MIDI program
        notes: notes
        metres: time signatures
        tempos: tempos
        first_bar: length of the first bar in quarter notes; None before it ends
    """

    def __init__(self, fields: dict[str, list[str]], program: int):
        self.name = ""
        self.program = program
        self.notes: list[WrittenNote] = []
        self.metres: list[Metre] = []
        self.tempos: list[Tempo] = []
        self.first_bar: Fraction | None = None
        self._now = self._end = self._bar_start = Fraction(0)
        self._key: dict[str, int] = {}  # letter -> semitones
        self._accidentals: dict[str, int] = {}  # the same, to the end of the bar
        self._shift_of: dict[str, int] = {}  # semitones to sounding pitches, by K and V
        self._unit: Fraction | None = None  # of length, in quarter notes
        # The last note, chord or rest: indices in `notes`, (letter, octave) -> semitones, duration
        self._last: list[int] = []
        self._spelled: dict[tuple[str, str], int] = {}
        self._duration = Fraction(0)
        self._tied: dict[tuple[str, str], int] = {}  # its spelling if a tie follows
        self._broken = self._tuplet = Fraction(1)
        self._in_tuplet = 0
        for name in "MLKQ":  # a tempo may refer to the unit of length
            for value in fields.get(name, [])[-1:]:
                self.read_field(name, value)

    @property
    def _unit_or_default(self) -> Fraction:
        first = self.metres[0][1:] if self.metres else None
        return self._unit or unit_of_metre(first)

    def read_field(self, name: str, value: str) -> None:
        """Read a field; those that change no note are skipped."""
        if name == "K":
            key = read_key(value)
            self._key = self._key if key is None else key
            self._set_shift(name, value)
        elif name == "L":
            self._unit = read_unit(value) or self._unit
        elif name == "M" and (metre := read_metre(value)):
            self.metres.append(Metre(float(self._now), *metre))
        elif name == "Q":
            bpm = read_tempo(value, self._unit_or_default)
            if bpm is not None:
                self.tempos.append(Tempo(float(self._now), bpm))

    def read_properties(self, value: str) -> None:
        """Read what follows the id in a field V:."""
        name = re.search(r'\b(?:name|nm)="([^"]*)"', value)
        self.name = " ".join(name[1].split()) if name else self.name
        self._set_shift("V", value)

    def _set_shift(self, name: str, value: str) -> None:
        shift = read_shift(value)
        if shift is not None:
            self._shift_of[name] = shift

    def add_note(self, text: str) -> None:
        """Add a note, such as `^c'3/2`."""
        self._add([text])

    def add_rest(self, length: str) -> None:
        """Add a rest."""
        self._add([], length)

    def add_chord(self, text: str, length: str) -> None:
        """Add a chord, given what is between its brackets, and its length."""
        found = [token for token in _IN_CHORD.finditer(text) if token["note"]]
        if found:
            self._add([token["note"] for token in found], length)
            for index, token in zip(self._last, found, strict=True):
                self.notes[index] = self.notes[index]._replace(starts_tie=bool(token["tie"]))

    def _add(self, notes: Sequence[str], length: str = "") -> None:
        """Add notes that sound together, as long as the first one; without notes, a rest."""
        spelled, tied = [_SPLIT_NOTE.match(note).groups("") for note in notes], self._tied
        self._tied, self._spelled = {}, {}
        self._duration = read_length(length) * self._unit_or_default * self._broken
        if spelled:
            self._duration *= read_length(spelled[0][3])
        if self._in_tuplet:
            self._in_tuplet -= 1
            self._duration *= self._tuplet
        self._broken = Fraction(1)
        start = len(self.notes)
        for sign, letter, octave, _ in spelled:
            pitch = self._pitch(sign, letter, octave, tied)
            self.notes.append(WrittenNote(self._now, self._duration, pitch, program=self.program))
        self._last = list(range(start, len(self.notes)))
        self._now += self._duration

    def _pitch(self, sign: str, letter: str, octave: str, tied: dict[tuple[str, str], int]) -> int:
        """Return the MIDI pitch of a note, given the spelling of notes that are tied to it."""
        name = letter.upper()
        if sign:
            self._accidentals[name] = ALTERED[sign]
        altered = self._accidentals.get(name, self._key.get(name, 0))
        if not sign:
            altered = tied.get((letter, octave), altered)
        self._spelled[letter, octave] = altered
        octaves = 5 + letter.islower() + octave.count("'") - octave.count(",")
        return 12 * octaves + _SEMITONES[name] + altered + sum(self._shift_of.values())

    def tie(self) -> None:
        """Tie the last note or chord to the next one."""
        self._tied = dict(self._spelled)
        for index in self._last:
            self.notes[index] = self.notes[index]._replace(starts_tie=True)

    def break_rhythm(self, signs: str) -> None:
        """Lengthen the last note and shorten the next by half (`>`), or the reverse (`<`)."""
        short = Fraction(1, 2 ** len(signs))
        before, self._broken = (2 - short, short) if signs[0] == ">" else (short, 2 - short)
        self._now += self._duration * (before - 1)
        self._duration *= before
        for index in self._last:
            self.notes[index] = self.notes[index]._replace(duration_beats=self._duration)

    def start_tuplet(self, number: int, time: int, count: int) -> None:
        """Play the next `count` notes as `number` in the time of `time`; 0 stands for the usual."""
        is_compound = bool(self.metres) and self.metres[-1].numerator in (6, 9, 12)
        usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(number, 3 if is_compound else 2)
        if number:
            self._tuplet = Fraction(time or usual, number)
            self._in_tuplet = count or number

    def end_bar(self) -> None:
        """End a bar: its accidentals no longer hold."""
        self._now = self._end = max(self._end, self._now)
        if self.first_bar is None and self._now:
            self.first_bar = self._now
        self._bar_start = self._now
        self._accidentals = {}

    def start_overlay(self) -> None:
        """Return to the start of the bar for notes that sound at the same time."""
        self._end = max(self._end, self._now)
        self._now = self._bar_start
        self._accidentals = {}

    def rest_bars(self, number: int) -> None:
        """Rest for a number of bars."""
        metre = self.metres[-1] if self.metres else Metre(0.0, 4, 4)
        self._now += number * Fraction(4 * metre.numerator, metre.denominator or 1)
