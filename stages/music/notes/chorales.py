"""Four-part chorales from MusicXML files.

Only what the tables need is read, in a twelfth of the time of music21's own parser
(`benchmarks/chorales.py`). The tests check that both read the same notes.
"""

import zipfile
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from stages.core.errors import StageError
PARTS = ["soprano", "alto", "tenor", "bass"]

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


class Note(NamedTuple):
    """A note.

    Attributes:
        part: one of `PARTS`
        onset_beats: onset in quarter notes from the start of the piece
        duration_beats: duration in quarter notes
        pitch_midi: MIDI pitch
    """

    part: str
    onset_beats: Fraction
    duration_beats: Fraction
    pitch_midi: int


class Chorale(NamedTuple):
    """A piece.

    Attributes:
        notes: notes of all parts, ties joined
        beats_per_bar: quarter notes in a bar; None if the time signature changes
        pickup_beats: quarter notes before the first full bar
    """

    notes: list[Note]
    beats_per_bar: Fraction | None
    pickup_beats: Fraction


def chorale_files() -> list[Path]:
    """Return the files of the Bach chorales inside the installed music21."""
    import music21

    files = sorted(Path(music21.__file__).parent.glob("corpus/bach/*.mxl"))
    if not files:
        raise StageError(
            "music21 has no chorales in corpus/bach: reinstall it from requirements.lock"
        )
    return files


def read_chorale(path: Path) -> Chorale | None:
    """Read a compressed MusicXML file; return None if it has other parts than `PARTS`.

    Raises:
        StageError: the file is not compressed MusicXML.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
            score_name = container.find(".//{*}rootfile").attrib["full-path"]
            score = ElementTree.fromstring(archive.read(score_name))
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, AttributeError) as error:
        raise StageError(f"{path} is not compressed MusicXML ({error}): remove it") from None
    names = [(part.findtext("part-name") or "").lower() for part in score.iter("score-part")]
    if names != PARTS:
        return None
    notes = []
    for name, part in zip(names, score.findall("part"), strict=True):
        notes += _read_part(name, part)
    bars = {
        Fraction(4 * int(time.findtext("beats")), int(time.findtext("beat-type")))
        for time in score.iter("time")
    }
    beats_per_bar = bars.pop() if len(bars) == 1 else None
    first_bar = _length(score.find("part/measure"))
    pickup = first_bar if beats_per_bar and first_bar < beats_per_bar else Fraction(0)
    return Chorale(notes, beats_per_bar, pickup)


def _read_part(name: str, part: ElementTree.Element) -> list[Note]:
    """Return the notes of a part in order of onset."""
    notes: list[Note] = []
    tied: dict[int, int] = {}  # pitch -> index in `notes` of a note that a tie continues
    bar_start, divisions = Fraction(0), 1
    for measure in part.findall("measure"):
        now = end = onset = Fraction(0)
        for element in measure:
            divisions = int(element.findtext("divisions") or divisions)
            duration = Fraction(int(element.findtext("duration") or 0), divisions)
            if element.tag == "backup":
                now -= duration
            elif element.tag == "forward":
                now += duration
            elif element.tag == "note" and element.find("grace") is None:
                if element.find("chord") is None:
                    onset, now = now, now + duration
                pitch = _pitch_midi(element.find("pitch"))
                ties = {tie.get("type") for tie in element.findall("tie")}
                if pitch is None:
                    pass
                elif "stop" in ties and pitch in tied:
                    index = tied.pop(pitch)
                    whole = notes[index].duration_beats + duration
                    notes[index] = notes[index]._replace(duration_beats=whole)
                    if "start" in ties:
                        tied[pitch] = index
                else:
                    if "start" in ties:
                        tied[pitch] = len(notes)
                    notes.append(Note(name, bar_start + onset, duration, pitch))
            end = max(end, now)
        bar_start += end
    return sorted(notes, key=lambda note: (note.onset_beats, note.pitch_midi))


def _pitch_midi(pitch: ElementTree.Element | None) -> int | None:
    """Return the MIDI number of a pitch (60 is middle C); None for a rest."""
    if pitch is None:
        return None
    semitone = _SEMITONES[pitch.findtext("step")] + int(pitch.findtext("alter") or 0)
    return 12 * (int(pitch.findtext("octave")) + 1) + semitone


def _length(measure: ElementTree.Element) -> Fraction:
    """Return the length of a part's first measure in quarter notes."""
    divisions = int(measure.findtext(".//divisions") or 1)
    lengths = [
        int(note.findtext("duration") or 0)
        for note in measure.findall("note")
        if note.find("chord") is None
    ]
    return Fraction(sum(lengths), divisions)
