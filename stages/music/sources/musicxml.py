"""A piece from a MusicXML file, compressed (.mxl) or not.

Source: MusicXML 4.0 (W3C Music Notation Community Group, 2021). Repeats are not unfolded: each bar
is read once, as written. music21's parser reads the same notes in ten times as long
(`benchmarks/chorales.py`).
"""

import io
import re
import struct
import zipfile
from fractions import Fraction
from functools import lru_cache
from typing import BinaryIO
from xml.etree import ElementTree
from xml.parsers import expat

from stages.core.errors import StageError
from stages.core.members import explained
from stages.music.sources.encodings import MAX_LENGTH
from stages.music.sources.engraved import Score, Written
from stages.music.sources.piece import Piece, UnreadableError

MAX_XML_BYTES = 64 << 20  # larger scores would fill the memory
_MAX_DIVISIONS = 1_000_000_000
# What `zipfile` raises for damaged, encrypted and unknown contents, beside what is explained.
_ZIP_FAULTS = (StageError, ValueError, RuntimeError, OverflowError, KeyError, struct.error)
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
# Other numbers that Python reads, such as 1e999999999, would fill the memory.
_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,12}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})0*\s*", re.ASCII)


def read_musicxml(data: bytes) -> list[Piece]:
    """Read a MusicXML file.

    Grace notes, cue notes and notes without pitch are left out.

    Args:
        data: the file

    Raises:
        UnreadableError: the file is not MusicXML, is damaged, or contains no notes.
    """
    root = _parse(_unpack(data) if data.startswith(b"PK") else data)
    parts = _parts(root)
    declared = {part.get("id"): part for part in root.iter("score-part")}
    score = Score()
    readers = [
        _PartReader(score, track, declared.get(name)) for track, name in enumerate(parts, start=1)
    ]
    start, first_bar = Fraction(0), Fraction(0)
    n_bars = max(map(len, parts.values()), default=0)
    for index in range(n_bars):
        bars = [
            (reader, bars[index])
            for reader, bars in zip(readers, parts.values(), strict=True)
            if index < len(bars)
        ]
        length = max(reader.read_bar(bar, start) for reader, bar in bars)
        if length == 0 and not any(bar.find("note") is not None for _, bar in bars):
            length = readers[0].bar_length  # some programs leave out rests of whole bars
        start += length
        if index == 0 and n_bars > 1:
            first_bar = length
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    rights = [(one.text or "").strip() for one in root.findall("identification/rights")]
    if not score.notes:
        raise UnreadableError("no_notes", "no notes with a pitch; remove the file")
    names = [reader.name for reader in readers]
    licence = "; ".join(dict.fromkeys(filter(None, rights)))
    return [score.piece(title.strip()[:MAX_LENGTH], names, first_bar, licence[:MAX_LENGTH])]


def _unpack(data: bytes) -> bytes:
    """Return the score in a compressed file."""
    try:
        with explained("it"), zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "META-INF/container.xml" in names:
                with archive.open("META-INF/container.xml") as stream:
                    container = _parse(_read(stream))
                files = container.iterfind(".//{*}rootfile")
                listed = [file.get("full-path") for file in files]
            else:
                listed = [name for name in names if name.endswith((".xml", ".musicxml"))]
            name = next((name for name in listed if name in names), None)
            if name is None:
                raise UnreadableError(
                    "no_score", "a zip file without a score; export the file again or remove it"
                )
            with archive.open(name) as stream:
                return _read(stream)
    except UnreadableError:
        raise
    except _ZIP_FAULTS as error:
        raise UnreadableError("damaged", str(error)) from None


def _read(stream: BinaryIO) -> bytes:
    data = stream.read(MAX_XML_BYTES + 1)
    if len(data) > MAX_XML_BYTES:
        raise UnreadableError(
            "too_large", f"more than {MAX_XML_BYTES >> 20} MiB of XML: split it into pieces"
        )
    return data


class _RootFound(Exception):
    pass


def _parse(data: bytes) -> ElementTree.Element:
    """Return the root of a document that declares no entities, which can fill the memory."""
    if not data.strip():
        raise UnreadableError("empty", "empty; remove it")

    def refuse(*_: object) -> None:
        raise UnreadableError(
            "entities", "it declares XML entities, which MusicXML never needs; export it again"
        )

    def stop(*_: object) -> None:
        raise _RootFound

    declarations = expat.ParserCreate()
    declarations.EntityDeclHandler = refuse
    declarations.StartElementHandler = stop
    try:
        declarations.Parse(data, True)
    except _RootFound:
        pass
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise _not_xml(error) from None
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # or an unknown encoding
        raise _not_xml(error) from None


def _not_xml(error: Exception) -> UnreadableError:
    return UnreadableError(
        "not_xml", f"not XML, or cut short ({error}); export the file again or remove it"
    )


def _parts(root: ElementTree.Element) -> dict[str | None, list[ElementTree.Element]]:
    """Return the bars of each part."""
    parts: dict[str | None, list[ElementTree.Element]] = {}
    if root.tag == "score-partwise":
        for part in root.findall("part"):
            parts.setdefault(part.get("id"), []).extend(part.findall("measure"))
    elif root.tag == "score-timewise":
        for bar in root.findall("measure"):
            for part in bar.findall("part"):
                parts.setdefault(part.get("id"), []).append(part)
    else:
        raise UnreadableError(
            "not_musicxml", f"XML of another kind (<{root.tag[:50]}>); remove the file"
        )
    return parts


@lru_cache(1000)
def _number(text: str | None, default: int = 0) -> Fraction:
    """Return a number, exactly; `default` if there is none.

    Raises:
        UnreadableError: the text is not a number.
    """
    if text is None or not text.strip():
        return Fraction(default)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise UnreadableError(
            "bad_number", f"'{text.strip()[:30]}' where a number should be; export the file again"
        )
    return Fraction(match[1])


@lru_cache(1000)
def _quarters(duration: str | None, divisions: int) -> Fraction:
    """Return a duration in quarter notes."""
    return max(_number(duration), Fraction(0)) / divisions


class _PartReader:
    """A reader of the bars of a part.

    Attributes:
        name: name of the part; empty if it has none
        bar_length: quarter notes in a bar of the last metre
    """

    def __init__(self, score: Score, track: int, declared: ElementTree.Element | None) -> None:
        self.score, self.track = score, track
        self.name = ""
        self.programs: dict[str | None, int] = {}
        if declared is not None:
            self.name = (declared.findtext("part-name") or "").strip()[:MAX_LENGTH]
            for instrument in declared.findall("midi-instrument"):
                self._set_program(instrument)
        self.first_program = next(iter(self.programs.values()), 0)
        self.divisions = 1  # of a quarter note
        self.semitones: dict[str | None, int] = {}  # from written to sounding pitches, by staff
        self.bar_length = Fraction(4)

    def read_bar(self, bar: ElementTree.Element, start: Fraction) -> Fraction:
        """Add the notes, metres and tempos of a bar to the score.

        Args:
            bar: the bar
            start: onset of the bar in quarter notes

        Returns:
            Length of the bar in quarter notes.
        """
        now = end = onset = Fraction(0)
        for element in bar:
            tag = element.tag
            if tag == "note":
                if element.find("grace") is not None:
                    continue
                duration = self._duration(element)
                if element.find("chord") is None:
                    onset, now = now, now + duration
                self._add_note(element, start + onset, duration)
            elif tag == "backup":
                now -= self._duration(element)
                if now < 0:
                    self.score.repairs["backup_before_bar"] += 1
                    now = Fraction(0)
            elif tag == "forward":
                now += self._duration(element)
            elif tag == "attributes":
                self._read_attributes(element, start + now)
            elif tag in ("direction", "sound"):
                for sound in element.iter("sound"):
                    if sound.get("tempo"):
                        self.score.add_tempo(start + now, float(_number(sound.get("tempo"))))
            if now > end:
                end = now
        return end

    def _duration(self, element: ElementTree.Element) -> Fraction:
        return _quarters(element.findtext("duration"), self.divisions)

    def _read_attributes(self, attributes: ElementTree.Element, now: Fraction) -> None:
        for element in attributes:
            if element.tag == "divisions":
                divisions = _number(element.text)
                if not 0 < divisions <= _MAX_DIVISIONS or divisions.denominator > 1:
                    raise UnreadableError(
                        "bad_divisions",
                        f"a quarter note of {element.text} divisions; export the file again",
                    )
                self.divisions = int(divisions)
            elif element.tag == "transpose":
                octaves = _number(element.findtext("octave-change"))
                semitones = round(_number(element.findtext("chromatic")) + 12 * octaves)
                self.semitones[element.get("number")] = semitones
            elif element.tag == "time":
                self._read_metre(element, now)

    def _read_metre(self, time: ElementTree.Element, now: Fraction) -> None:
        """Add a time signature. Sums such as 3+2 and 2/4 + 3/8 are added up."""
        numerators = [one.text or "" for one in time.findall("beats")]
        denominators = [int(_number(one.text)) for one in time.findall("beat-type")]
        if not denominators and not numerators:
            return  # no metre
        length = Fraction(0)
        for numerator, denominator in zip(numerators, denominators, strict=False):
            beats = sum(int(_number(one)) for one in numerator.split("+"))
            length += Fraction(beats, denominator) if denominator > 0 else 0
        denominator = max(denominators, default=0)
        numerator = int(length * denominator)
        self.score.add_metre(now, numerator, denominator)
        if 0 < numerator <= 255 and 0 < denominator <= 128:
            self.bar_length = 4 * length

    def _set_program(self, instrument: ElementTree.Element) -> None:
        program = int(_number(instrument.findtext("midi-program"), 1)) - 1
        if 0 <= program <= 127:
            self.programs[instrument.get("id")] = program
        else:
            self.score.repairs["program_out_of_range"] += 1

    def _add_note(self, note: ElementTree.Element, onset: Fraction, duration: Fraction) -> None:
        pitch = note.find("pitch")
        if pitch is None:
            if note.find("unpitched") is not None:
                self.score.repairs["unpitched_note"] += 1
            return
        if note.find("cue") is not None:
            return
        ties = {tie.get("type") for tie in note.findall("tie")}
        instrument = note.find("instrument")
        program = self.first_program
        if instrument is not None:
            program = self.programs.get(instrument.get("id"), program)
        self.score.notes.append(
            Written(
                self.track,
                onset,
                duration,
                self._pitch_midi(pitch) + self._transposition(note),
                program,
                tied_back="stop" in ties,
                tied_on="start" in ties,
            )
        )

    def _pitch_midi(self, pitch: ElementTree.Element) -> int:
        """Return the MIDI number of a written pitch (60 is middle C)."""
        step = (pitch.findtext("step") or "").strip()
        if step not in _SEMITONES:
            raise UnreadableError("bad_pitch", f"a step '{step[:30]}'; export the file again")
        alter = _number(pitch.findtext("alter"))
        if alter.denominator > 1:
            self.score.repairs["quarter_tone"] += 1  # rounded
        octave = int(_number(pitch.findtext("octave")))
        return 12 * (octave + 1) + _SEMITONES[step] + round(alter)

    def _transposition(self, note: ElementTree.Element) -> int:
        if not self.semitones:
            return 0
        everywhere = self.semitones.get(None, 0)
        return self.semitones.get(note.findtext("staff", "1").strip(), everywhere)
