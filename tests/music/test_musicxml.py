import io
import random
import zipfile
from pathlib import Path

import music21
import pytest

from stages.music.sources.musicxml import read_musicxml
from stages.music.sources.piece import UnreadableError

CORPUS = Path(music21.__file__).parent / "corpus"
FILES = [
    *sorted(CORPUS.glob("bach/*.mxl"))[::60],
    CORPUS / "haydn/opus1no1/movement1.mxl",
    *sorted(CORPUS.glob("mozart/k155/*.mxl"))[:2],
    *sorted(CORPUS.glob("monteverdi/*.mxl"))[::20],
]


def score(measures, attributes="", root="score-partwise", about=""):
    """Return a score of one part with the content of its measures."""
    inside = "".join(
        f"<measure number='{n}'>"
        + ("<attributes><divisions>2</divisions>" + attributes + "</attributes>" if n == 1 else "")
        + f"{measure}</measure>"
        for n, measure in enumerate(measures, start=1)
    )
    part = f"<score-part id='P1'><part-name>Flute</part-name>{about}</score-part>"
    return (
        f"<{root}><work><work-title>A  tune</work-title></work>"
        f"<identification><rights>CC0</rights></identification>"
        f"<part-list>{part}</part-list><part id='P1'>{inside}</part></{root}>"
    ).encode()


def note(step="C", octave=4, duration=2, more=""):
    pitch = f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
    return f"<note>{more if 'chord' in more else ''}{pitch}<duration>{duration}</duration>{more}</note>"


TIME = "<time><beats>{}</beats><beat-type>{}</beat-type></time>"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_music21_reads_the_same_notes(path):
    (piece,) = read_musicxml(path.read_bytes())
    ours = sorted((note.track, note.pitch_midi, note.duration_beats) for note in piece.notes)
    theirs = [
        (track, pitch.midi, float(found.quarterLength))
        for track, part in enumerate(music21.converter.parse(path, forceSource=True).parts, start=1)
        for found in part.stripTies().recurse().notes
        if not found.duration.isGrace and not isinstance(found, music21.harmony.Harmony)
        for pitch in found.pitches
    ]
    assert len(ours) == len(theirs)
    assert ours == [pytest.approx(note, abs=1e-4) for note in sorted(theirs)]


def test_a_score_by_hand():
    tie = "<tie type='{}'/>"
    data = score(
        [
            "<sound tempo='60'/>" + note(duration=2),
            note("D", duration=4, more=tie.format("start"))
            + note("F", duration=4, more="<chord/>")
            + "<backup><duration>4</duration></backup><forward><duration>2</duration></forward>"
            + note("E", 5, 2),
            "<direction><sound tempo='120'/></direction>"
            + note("D", duration=2, more=tie.format("stop"))
            + "<note><grace/><pitch><step>A</step><octave>4</octave></pitch></note>"
            + "<note><unpitched/><duration>2</duration></note>",
        ],
        attributes=TIME.format(4, 4) + "<transpose><chromatic>-2</chromatic></transpose>",
        about="<midi-instrument id='I1'><midi-program>74</midi-program></midi-instrument>",
    )
    (piece,) = read_musicxml(data)
    assert [(n.onset_beats, n.duration_beats, n.pitch_midi) for n in piece.notes] == [
        (0.0, 1.0, 58), (1.0, 3.0, 60), (1.0, 2.0, 63), (2.0, 1.0, 74),
    ]  # fmt: skip
    assert piece.notes[0].onset_seconds == 0
    assert piece.notes[0].duration_seconds == 1
    assert {n.program for n in piece.notes} == {73}
    assert (piece.title, piece.licence, piece.track_names) == ("A tune", "CC0", ["Flute"])
    assert piece.pickup_beats == 1
    assert [metre[1:] for metre in piece.metres] == [(4, 4)]
    assert piece.tempos == [(0.0, 60.0), (3.0, 120.0)]
    assert piece.repairs == {"unpitched_note": 1}


def test_metres_in_order():
    bar = note(duration=6)
    (piece,) = read_musicxml(
        score(
            [bar, f"<attributes>{TIME.format('2+3', 8)}</attributes>{note(duration=5)}"],
            attributes=TIME.format(3, 4),
        )
    )
    assert piece.metres == [(0.0, 3, 4), (3.0, 5, 8)]
    assert piece.pickup_beats == 0


def packed(name, content, container=True):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if container:
            archive.writestr(
                "META-INF/container.xml",
                f"<container><rootfiles><rootfile full-path='{name}'/></rootfiles></container>",
            )
        archive.writestr("score.xml", content)
    return buffer.getvalue()


BOMB = (
    b"<!DOCTYPE a [<!ENTITY a '"
    + b"a" * 1000
    + b"'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 100) for i in range(8))
    + b"]><score-partwise>&i;</score-partwise>"
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_xml"),
        (b"\x00\x01 text", "not_xml"),
        (score([note()])[:-30], "not_xml"),
        (score([note()], root="score-timewise"), "not_a_score"),
        (b"<html/>", "not_a_score"),
        (score([note("H")]), "malformed"),
        (score([note(octave="x")]), "malformed"),
        (score([note(duration="1/0")]), "malformed"),
        (score([""]), "no_notes"),
        (packed("other.xml", score([note()])), "damaged"),
        (packed("score.xml", score([note()]), container=False), "damaged"),
        (packed("score.xml", score([note()]))[:-40], "damaged"),
        (packed("score.xml", b" " * (65 << 20)), "too_large"),
        (BOMB, "not_xml"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(data, reason):
    with pytest.raises(UnreadableError) as caught:
        read_musicxml(data)
    assert caught.value.reason == reason
    assert ":" in str(caught.value)


def test_a_packed_score_is_read():
    assert len(read_musicxml(packed("score.xml", score([note()])))[0].notes) == 1


def test_damaged_files_are_read_or_refused():
    draw = random.Random(0)
    sources = [score([note(), note("D")], TIME.format(4, 4)), FILES[0].read_bytes()]
    for _ in range(400):
        data = bytearray(draw.choice(sources))
        for _ in range(draw.randint(1, 6)):
            at = draw.randrange(len(data))
            data[at : at + draw.randint(0, 4)] = draw.randbytes(draw.randint(0, 4))
        try:
            (piece,) = read_musicxml(bytes(data))
        except UnreadableError:
            continue
        assert piece.notes
