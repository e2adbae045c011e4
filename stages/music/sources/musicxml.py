"""A piece from a MusicXML file.

Only what a piece contains is read, in a fraction of the time that music21's own parser takes
(`benchmarks/chorales.py`). The tests check that both read the same notes.

Source: MusicXML 4.0 (W3C Music Notation Community Group, 2021).
"""

import io
import zipfile
import zlib
from collections import Counter
from fractions import Fraction
from itertools import zip_longest
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from stages.music.sources.notation import Part, WrittenNote, piece_of
from stages.music.sources.piece import Metre, Piece, Tempo, UnreadableError

MAX_XML_BYTES = 64 << 20  # a compressed file of a few kilobytes can contain gigabytes
_MAX_NUMBER = 1_000_000_000  # larger durations and divisions are damage
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def read_musicxml(data: bytes) -> list[Piece]:
    """Read a MusicXML file, compressed or not, by parts or by measures.

    Each part is a track, whatever its staves and voices. Pitches are those that sound, of
    transposing instruments too, and quarter tones are rounded. Ties are joined; grace notes and cue
    notes are left out. Repeats are not unfolded, and dynamics are not read. Percussion without a
    MIDI pitch is left out and counted as a repair.

    Args:
        data: the file

    Returns:
        The piece, a list of one.

    Raises:
        UnreadableError: the file is not a MusicXML score, or is damaged.
    """
    if not data.strip():
        raise UnreadableError("empty", "empty; export it again or remove it")
    root = _parse(_unpack(data) if data.startswith(b"PK") else data)
    columns = _measures(root)
    described = {part.get("id"): part for part in root.findall("part-list/score-part")}
    repairs: Counter[str] = Counter()
    readers = {part_id: _PartReader(described.get(part_id), repairs) for part_id in columns}
    start = first_bar = Fraction(0)
    for number, measures in enumerate(zip_longest(*columns.values())):
        pairs = zip(readers.values(), measures, strict=True)
        written = [reader.read(measure, start) for reader, measure in pairs if measure is not None]
        metres = _metres(readers) or [Metre(0.0, 4, 4)]
        may_be_short = number == 0 or any(
            measure is not None and measure.get("implicit") == "yes" for measure in measures
        )
        length = _bar_length(written, metres[-1], may_be_short, repairs)
        if number == 0:
            first_bar = length
        start += length
    titles = [root.findtext("work/work-title"), root.findtext("movement-title")]
    rights = [element.text for element in root.findall("identification/rights")]
    return [
        piece_of(
            [Part(reader.name, reader.notes) for reader in readers.values()],
            title=_joined(titles, ": "),
            metres=_metres(readers),
            tempos=[tempo for reader in readers.values() for tempo in reader.tempos],
            first_bar_beats=first_bar,
            licence=_joined(rights, "; "),
            repairs=repairs,
        )
    ]


def _unpack(data: bytes) -> bytes:
    """Return the score in a compressed file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _content(archive, _score_name(archive))
    except (
        zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, OSError, OverflowError,
        NotImplementedError, RuntimeError,
    ) as error:  # fmt: skip
        raise UnreadableError(
            "damaged",
            f"not compressed MusicXML, or damaged ({error}); export it again",
        ) from None


def _score_name(archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    if "META-INF/container.xml" in names:
        container = _parse(_content(archive, "META-INF/container.xml"))
        return next(
            (file.get("full-path", "") for file in container.iterfind(".//{*}rootfile")), ""
        )
    # Some programs and people pack the score alone.
    scores = (name for name in names if name.endswith((".xml", ".musicxml")))
    return next((name for name in scores if not name.startswith("__MACOSX/")), "")


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    entry = archive.getinfo(name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError("MusicXML is compressed by deflate only")
    with archive.open(entry) as file:
        content = file.read(MAX_XML_BYTES + 1)
    if len(content) > MAX_XML_BYTES:
        raise UnreadableError(
            "too_large",
            f"its score has more than {MAX_XML_BYTES >> 20} MiB unpacked; split it into pieces",
        )
    return content


class _StartOfRootError(Exception):
    """The start of the root element, which ends the declarations."""


def _parse(xml: bytes) -> Element:
    """Return the root of an XML document.

    A document that declares entities is refused: a few lines of them can expand to gigabytes.
    """

    def refuse(*_: object) -> None:
        raise UnreadableError(
            "entities", "its XML declares entities, which MusicXML does not; export it again"
        )

    def stop(*_: object) -> None:
        raise _StartOfRootError

    declarations = expat.ParserCreate()
    declarations.EntityDeclHandler = refuse
    declarations.StartElementHandler = stop
    try:
        declarations.Parse(xml, True)
    except _StartOfRootError:
        pass
    except (expat.ExpatError, ValueError, LookupError):
        pass  # the parse below fails and says why
    try:
        return ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UnreadableError(
            "not_xml", f"not XML, or damaged ({error}); export it again"
        ) from None


def _measures(root: Element) -> dict[str | None, list[Element]]:
    """Return the measures of each part by the part's id."""
    columns: dict[str | None, list[Element]] = {}
    if root.tag == "score-partwise":
        for part in root.findall("part"):
            columns.setdefault(part.get("id"), []).extend(part.findall("measure"))
    elif root.tag == "score-timewise":
        for measure in root.findall("measure"):
            for part in measure.findall("part"):
                columns.setdefault(part.get("id"), []).append(part)
    else:
        raise UnreadableError(
            "not_musicxml",
            f"not a MusicXML score: its root element is <{root.tag[:40]}>; remove the file",
        )
    return columns


def _bar_length(
    written: list[tuple[Fraction, bool]],
    metre: Metre,
    may_be_short: bool,
    repairs: Counter[str],
) -> Fraction:
    """Return the length of a bar in quarter notes.

    Parts of damaged files differ, and would sound apart if each followed its own lengths. Where
    they differ, the bar is as long as the metre says if one of them agrees, else as the longest.

    Args:
        written: length of the bar in each part, and whether the part has notes in it
        metre: metre of the bar
        may_be_short: whether the bar may be a pickup, for which some programs write whole rests
        repairs: number of repairs, updated
    """
    lengths = {length for length, _ in written if length}
    if may_be_short:
        lengths = {length for length, has_notes in written if has_notes and length} or lengths
    if len(lengths) == 1:
        return lengths.pop()
    repairs["uneven_bar"] += bool(lengths)
    in_metre = Fraction(4 * metre.numerator, metre.denominator or 1)
    return in_metre if in_metre in lengths or not lengths else max(lengths)


def _metres(readers: dict[str | None, "_PartReader"]) -> list[Metre]:
    """Return the time signatures of the first part that has any."""
    return next((reader.metres for reader in readers.values() if reader.metres), [])


class _PartReader:
    """What has been read of a part, measure by measure.

    Attributes:
        name: name of the part
        notes: notes
        metres: time signatures
        tempos: tempos
    """

    def __init__(self, description: Element | None, repairs: Counter[str]):
        described = ElementTree.Element("score-part") if description is None else description
        self.name = _joined([described.findtext("part-name")], "")
        self.notes: list[WrittenNote] = []
        self.metres: list[Metre] = []
        self.tempos: list[Tempo] = []
        self._repairs = repairs
        self._divisions: Fraction | int = 1
        self._semitones: dict[str | None, int] = {}  # by staff; None: of all staves
        # By the ids of instruments; MusicXML counts programs and pitches of drums from 1.
        self._programs: dict[str | None, int] = {}
        self._drums: dict[str | None, int] = {}
        for instrument in described.findall("midi-instrument"):
            program = _whole(instrument, "midi-program", 1) - 1
            self._programs[instrument.get("id")] = program if 0 <= program <= 127 else 0
            if instrument.find("midi-unpitched") is not None:
                self._drums[instrument.get("id")] = _whole(instrument, "midi-unpitched", 0) - 1
        self._program = next(iter(self._programs.values()), 0)

    def read(self, measure: Element, start: Fraction) -> tuple[Fraction, bool]:
        """Read a measure that starts at `start`, in quarter notes.

        Returns:
            Its length in quarter notes, and whether it contains notes.
        """
        now = end = onset = duration = Fraction(0)
        has_notes = False
        for element in measure:
            tag = element.tag
            if tag == "note":
                if element.find("grace") is not None:
                    continue
                if element.find("chord") is None:
                    duration = self._duration(element)
                    onset, now = now, now + duration
                if element.find("rest") is None and element.find("cue") is None:
                    has_notes = True
                    self._add(element, start + onset, duration)
            elif tag == "backup":
                now -= self._duration(element)
                if now < 0:
                    self._repairs["backup_before_bar"] += 1
                    now = Fraction(0)
            elif tag == "forward":
                now += self._duration(element)
            elif tag == "attributes":
                self._read_attributes(element, start + now)
            elif tag in ("direction", "sound"):
                for sound in [element] if tag == "sound" else element.findall("sound"):
                    self._read_tempo(sound, start + now)
            end = max(end, now)
        return end, has_notes

    def _duration(self, element: Element) -> Fraction:
        duration = _number(element, "duration", 0)
        if duration < 0:
            raise _malformed("duration", str(duration))
        return Fraction(duration, self._divisions)

    def _add(self, element: Element, onset: Fraction, duration: Fraction) -> None:
        instrument = element.find("instrument")
        instrument_id = None if instrument is None else instrument.get("id")
        program, is_drum = self._programs.get(instrument_id, self._program), False
        written = element.find("pitch")
        if written is not None:
            staff = element.findtext("staff") if self._semitones else None
            shift = self._semitones.get(staff, self._semitones.get(None, 0))
            pitch = self._pitch_midi(written) + shift
        elif instrument_id in self._drums:
            pitch, program, is_drum = self._drums[instrument_id], 0, True
        else:
            self._repairs["unpitched_note"] += 1
            return
        ties = {tie.get("type") for tie in element.findall("tie")}
        note = WrittenNote(
            onset, duration, pitch, "stop" in ties, "start" in ties, program, is_drum
        )
        self.notes.append(note)

    def _pitch_midi(self, pitch: Element) -> int:
        """Return the MIDI number of a written pitch (60 is middle C), quarter tones rounded."""
        step = pitch.findtext("step", "").strip()
        if step not in _SEMITONES:
            raise _malformed("step", step)
        alter = _number(pitch, "alter", 0)
        if alter != round(alter):
            self._repairs["quarter_tone"] += 1
        return 12 * (_whole(pitch, "octave", 4) + 1) + _SEMITONES[step] + round(alter)

    def _read_attributes(self, attributes: Element, now: Fraction) -> None:
        divisions = _number(attributes, "divisions", self._divisions)
        if divisions <= 0:
            raise _malformed("divisions", str(divisions))
        self._divisions = divisions
        for transpose in attributes.findall("transpose"):
            octaves = _whole(transpose, "octave-change", 0)
            semitones = _whole(transpose, "chromatic", 0) + 12 * octaves
            self._semitones[transpose.get("number")] = semitones
        time = attributes.find("time")
        if time is not None and time.find("beats") is not None:
            self.metres.append(_metre(time, now))

    def _read_tempo(self, sound: Element, now: Fraction) -> None:
        stated = sound.get("tempo")
        if stated is not None:
            try:
                self.tempos.append(Tempo(float(now), float(stated)))
            except ValueError:
                raise _malformed("sound tempo", stated) from None


def _metre(time: Element, now: Fraction) -> Metre:
    """Return a time signature; a sum such as 3+2/8 or 2/4+3/8 as one fraction."""
    pairs = [
        (sum(_int(number, "beats") for number in (beats.text or "").split("+")),
         _int(unit.text or "", "beat-type"))
        for beats, unit in zip(time.findall("beats"), time.findall("beat-type"), strict=False)
    ]  # fmt: skip
    denominator = max((unit for _, unit in pairs), default=0)
    if any(unit <= 0 for _, unit in pairs):
        return Metre(float(now), 0, 0)  # counted as a repair, as other impossible metres
    return Metre(
        float(now), sum(number * denominator // unit for number, unit in pairs), denominator
    )


def _whole(element: Element, tag: str, default: int) -> int:
    return int(_number(element, tag, default))


def _number(element: Element, tag: str, default: int | Fraction) -> Fraction | int:
    """Return the number in a child element."""
    text = element.findtext(tag)
    if not text:
        return default
    try:
        number: Fraction | int = int(text)
    except ValueError:
        try:
            number = Fraction(float(text)).limit_denominator(1_000_000)
        except (ValueError, OverflowError):
            raise _malformed(tag, text) from None
    if abs(number) > _MAX_NUMBER:
        raise _malformed(tag, text)
    return number


def _int(text: str, tag: str) -> int:
    try:
        return int(text[:10])
    except ValueError:
        raise _malformed(tag, text) from None


def _malformed(what: str, text: str) -> UnreadableError:
    return UnreadableError(
        "malformed", f"malformed MusicXML: <{what}> is '{text[:40]}'; export it again"
    )


def _joined(texts: list[str | None], separator: str) -> str:
    """Return different texts in one line."""
    lines = [" ".join((text or "").split()) for text in texts]
    return separator.join(dict.fromkeys(line for line in lines if line))
