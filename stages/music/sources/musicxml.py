"""MusicXML files, compressed or not.

Only what the tables need is read, in a twelfth of the time of music21's own parser
(`benchmarks/chorales.py`). The tests check that both read the same notes.
"""

import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from stages.music.sources.notation import Part, WrittenNote, piece_of
from stages.music.sources.piece import Metre, Piece, Tempo, UnreadableError

MAX_XML_BYTES = 64 << 20
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def read_musicxml(data: bytes) -> list[Piece]:
    """Return the piece in a MusicXML file, a list of one.

    Ties are joined; grace and cue notes and dynamics are left out, and repeats are not unfolded.

    Raises:
        UnreadableError: the file is not a MusicXML score in parts, or is damaged.
    """
    try:
        root = ElementTree.fromstring(_unpacked(data) if data.startswith(b"PK") else data)
    except ElementTree.ParseError as error:
        raise UnreadableError(
            "not_xml", f"it is not XML or is cut short ({error}): export it again"
        ) from None
    if root.tag != "score-partwise":
        raise UnreadableError(
            "not_a_score",
            f"its root is {root.tag[:40]}, not score-partwise: export it as MusicXML by parts",
        )
    try:
        return [_read(root)]
    except (ValueError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise UnreadableError(
            "malformed", f"its MusicXML is malformed ({error}): export it again"
        ) from None


def _unpacked(data: bytes) -> bytes:
    """Return the score in a compressed file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            container = ElementTree.fromstring(_content(archive, "META-INF/container.xml"))
            return _content(archive, container.find(".//{*}rootfile").attrib["full-path"])
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, AttributeError,
            NotImplementedError, RuntimeError, ValueError, OSError) as error:  # fmt: skip
        raise UnreadableError(
            "damaged", f"it is not compressed MusicXML or is damaged ({error}): export it again"
        ) from None


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        content = file.read(MAX_XML_BYTES + 1)
    if len(content) > MAX_XML_BYTES:
        raise UnreadableError(
            "too_large", f"its XML is larger than {MAX_XML_BYTES >> 20} MiB: split it into pieces"
        )
    return content


def _read(root: Element) -> Piece:
    repairs: Counter[str] = Counter()
    described = {part.get("id"): part for part in root.iter("score-part")}
    parts, metres, tempos, pickup = [], [], [], Fraction(0)
    for number, part in enumerate(root.findall("part")):
        about = described.get(part.get("id"))
        reader = _PartReader(part, repairs)
        parts.append(Part(_text(about, "part-name"), _program(about), reader.notes))
        tempos += reader.tempos
        if number == 0:
            metres = reader.metres
            if metres and reader.first_bar < Fraction(metres[0].beats_per_bar):
                pickup = reader.first_bar
    return piece_of(
        parts,
        title=_text(root, "work/work-title") or _text(root, "movement-title"),
        metres=metres,
        tempos=tempos,
        pickup_beats=float(pickup),
        licence=_text(root, "identification/rights"),
        repairs=repairs,
    )


def _text(element: Element | None, path: str) -> str:
    found = None if element is None else element.findtext(path)
    return " ".join((found or "").split())


def _program(about: Element | None) -> int:
    """Return the General MIDI program of a part, which MusicXML counts from 1; 0 if none."""
    stated = _text(about, ".//midi-program")
    return min(max(int(stated) - 1, 0), 127) if stated else 0


class _PartReader:
    """What the measures of a part contain.

    Attributes:
        notes: notes, ties joined
        metres: time signatures
        tempos: tempos
        first_bar: length of the first measure in quarter notes
    """

    def __init__(self, part: Element, repairs: Counter[str]):
        self.notes: list[WrittenNote] = []
        self.metres: list[Metre] = []
        self.tempos: list[Tempo] = []
        self.first_bar = Fraction(0)
        self._repairs = repairs
        self._tied: dict[int, int] = {}  # pitch -> index in `notes` of a note that a tie continues
        self._transposed = 0
        start, divisions = Fraction(0), 1
        for number, measure in enumerate(part.findall("measure")):
            now = end = onset = Fraction(0)
            for element in measure:
                divisions = int(element.findtext("divisions") or divisions)
                duration = Fraction(element.findtext("duration") or 0) / divisions
                if element.tag == "backup":
                    now = max(now - duration, Fraction(0))
                elif element.tag == "forward":
                    now += duration
                elif element.tag == "note" and element.find("grace") is None:
                    if element.find("chord") is None:
                        onset, now = now, now + duration
                    self._add(element, start + onset, duration)
                elif element.tag == "attributes":
                    self._attributes(element, start + now)
                self.tempos += _tempos(element, start + now)
                end = max(end, now)
            if number == 0:
                self.first_bar = end
            start += end

    def _attributes(self, element: Element, now: Fraction) -> None:
        transpose = element.find("transpose")
        if transpose is not None:
            octaves = int(transpose.findtext("octave-change") or 0)
            self._transposed = int(transpose.findtext("chromatic") or 0) + 12 * octaves
        time = element.find("time")
        if time is not None and time.find("beats") is not None:
            beats = sum(int(number) for number in time.findtext("beats").split("+"))
            self.metres.append(Metre(float(now), beats, int(time.findtext("beat-type"))))

    def _add(self, element: Element, onset: Fraction, duration: Fraction) -> None:
        if element.find("unpitched") is not None:
            self._repairs["unpitched_note"] += 1
        written = element.find("pitch")
        if written is None or element.find("cue") is not None:
            return
        pitch = _pitch_midi(written) + self._transposed
        ties = {tie.get("type") for tie in element.findall("tie")}
        # Some programs write where a tie starts but not where it stops.
        index = self._tied.pop(pitch, None)
        if index is not None and sum(self.notes[index][:2]) == onset:
            whole = self.notes[index].duration_beats + duration
            self.notes[index] = self.notes[index]._replace(duration_beats=whole)
        else:
            index = len(self.notes)
            self.notes.append(WrittenNote(onset, duration, pitch))
        if "start" in ties:
            self._tied[pitch] = index


def _pitch_midi(pitch: Element) -> int:
    """Return the MIDI number of a pitch (60 is middle C), quarter tones rounded."""
    semitone = _SEMITONES.get(pitch.findtext("step"))
    if semitone is None:
        raise ValueError(f"a pitch has the step {pitch.findtext('step')}")
    alter = round(float(pitch.findtext("alter") or 0))
    return 12 * (int(pitch.findtext("octave")) + 1) + semitone + alter


def _tempos(element: Element, now: Fraction) -> Iterator[Tempo]:
    sounds = [element] if element.tag == "sound" else element.findall("sound")
    for sound in sounds:
        if (bpm := float(sound.get("tempo") or 0)) > 0:
            yield Tempo(float(now), bpm)
