import io
import random
import zipfile
from pathlib import Path

import music21
import pytest

from stages.music.sources import musicxml
from stages.music.sources.musicxml import read_musicxml
from stages.music.sources.piece import Metre, Tempo, UnreadableError

CORPUS = Path(music21.__file__).parent / "corpus"
CHORALES = ["bach/bwv66.6.mxl", "bach/bwv269.mxl", "bach/bwv10.7.mxl", "bach/bwv355.mxl"]
OTHERS = [
    "corelli/opus3no1/1grave.xml", "haydn/opus1no1/movement1.mxl", "joplin/maple_leaf_rag.mxl",
    "mozart/k155/movement2.mxl", "schoenberg/opus19/movement2.mxl", "luca/gloria.xml",
    "verdi/laDonnaEMobile.mxl",
]  # fmt: skip


def score(bars, *, part_list="", start="<divisions>2</divisions>", head="") -> bytes:
    """Return a score of one part, given the content of its bars."""
    first, *others = bars
    content = "".join(f"<measure>{bar}</measure>" for bar in others)
    return (
        f"<score-partwise>{head}<part-list><score-part id='P1'><part-name>Flute</part-name>"
        f"{part_list}</score-part></part-list><part id='P1'><measure><attributes>{start}"
        f"</attributes>{first}</measure>{content}</part></score-partwise>"
    ).encode()


def note(pitch, duration, more="") -> str:
    step, octave = pitch[0], pitch[-1]
    alter = {"#": 1, "b": -1}.get(pitch[1:-1], 0)
    return (
        f"<note>{more}<pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave>"
        f"</pitch><duration>{duration}</duration></note>"
    )


def sounding(piece) -> list[tuple]:
    return [(n.onset_beats, n.duration_beats, n.pitch_midi) for n in piece.notes]


def parsed_by_music21(name):
    return music21.converter.parse(CORPUS / name, forceSource=True).toSoundingPitch()


@pytest.mark.parametrize("name", CHORALES)
def test_same_chorales_as_the_parser_of_music21(name):
    (piece,) = read_musicxml((CORPUS / name).read_bytes())
    expected = []
    for track, part in enumerate(parsed_by_music21(name).parts, start=1):
        joined = part.stripTies()
        expected += [
            (track, note.getOffsetInHierarchy(joined), note.quarterLength, note.pitch.midi)
            for note in joined.recurse().notes
        ]
    found = [(n.track, n.onset_beats, n.duration_beats, n.pitch_midi) for n in piece.notes]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("name", OTHERS)
def test_same_beginnings_of_notes_as_the_parser_of_music21(name):
    (piece,) = read_musicxml((CORPUS / name).read_bytes())
    parsed, expected = parsed_by_music21(name), []
    for one in parsed.recurse().notes:
        if one.duration.isGrace or isinstance(one, music21.harmony.Harmony):
            continue
        for note in one.notes if one.isChord else [one]:  # of a chord, each with its own tie
            if note.tie is None or note.tie.type not in ("stop", "continue"):
                onset = one.getOffsetInHierarchy(parsed)
                expected.append((round(float(onset), 6), note.pitch.midi))
    found = [(round(n.onset_beats, 6), n.pitch_midi) for n in piece.notes]
    assert sorted(found) == sorted(expected)


def test_a_chorale_with_a_pickup():
    (piece,) = read_musicxml((CORPUS / "bach/bwv66.6.mxl").read_bytes())
    assert piece.track_names == ["Soprano", "Alto", "Tenor", "Bass"]
    assert (piece.metres, piece.tempos) == ([Metre(0, 4, 4)], [Tempo(0, 96)])
    assert piece.pickup_beats == 1
    first = piece.notes[0]
    assert (first.track, first.channel, first.program, first.velocity) == (1, 0, 0, 80)
    assert (first.onset_beats, first.duration_beats, first.pitch_midi) == (0, 0.5, 73)
    assert first.duration_seconds == pytest.approx(0.5 * 60 / 96)


def test_chords_voices_ties_and_what_is_left_out():
    tied = note("C4", 2, "<tie type='start'/>"), note("C4", 4, "<tie type='stop'/>")
    bars = [
        note("E5", 2) + note("G5", 2, "<chord/>") + tied[0] + "<backup><duration>4</duration>"
        "</backup><forward><duration>1</duration></forward>" + note("C3", 3),
        note("D5", 1, "<grace/>") + note("D5", 4, "<cue/>") + "<note><unpitched/><duration>1"
        "</duration></note><note><rest/><duration>1</duration></note><backup><duration>6"
        "</duration></backup>" + tied[1] + note("D4", 0) + note("B3", 2),
    ]  # fmt: skip
    (piece,) = read_musicxml(score(bars))
    assert sounding(piece) == [
        (0, 1, 76), (0, 1, 79), (0.5, 1.5, 48), (1, 3, 60), (4, 1, 59),
    ]  # fmt: skip
    assert piece.repairs == {"unpitched_note": 1, "zero_length_note": 1}


def test_metres_tempos_transposition_program_title_and_licence():
    time = "<time><beats>{}</beats><beat-type>{}</beat-type></time>"
    bars = [
        "<sound tempo='60'/>" + note("Bb4", 2),
        note("C5", 6),
        f"<attributes>{time.format('3+2', 8)}</attributes><direction><sound tempo='120'/>"
        "</direction>" + note("C5", 5),
    ]
    start = (
        f"<divisions>2</divisions>{time.format(3, 4)}<transpose><chromatic>-2</chromatic>"
        "<octave-change>-1</octave-change></transpose>"
    )
    head = (
        "<work><work-title>A &amp; B</work-title></work><identification><rights>© 1999 Me"
        "</rights></identification>"
    )
    program = "<midi-instrument id='I1'><midi-program>72</midi-program></midi-instrument>"
    (piece,) = read_musicxml(score(bars, start=start, head=head, part_list=program))
    assert (piece.title, piece.licence) == ("A & B", "© 1999 Me")
    assert piece.track_names == ["Flute"]
    assert piece.metres == [Metre(0, 3, 4), Metre(4, 5, 8)]
    assert piece.tempos == [Tempo(0, 60), Tempo(4, 120)]
    assert piece.pickup_beats == 1
    assert sounding(piece) == [(0, 1, 56), (1, 3, 58), (4, 2.5, 58)]
    assert [n.onset_seconds for n in piece.notes] == [0, 1, 4]
    assert [n.duration_seconds for n in piece.notes] == [1, 3, 1.25]
    assert {n.program for n in piece.notes} == {71}


def test_parts_keep_together_where_a_bar_of_one_is_short():
    pair = "<score-partwise><part-list/>{}</score-partwise>"
    part = "<part id='{}'><measure>{}</measure><measure>{}</measure></part>"
    parts = [part.format(i, note("C4", length), note("D4", 4)) for i, length in ((1, 4), (2, 3))]
    (piece,) = read_musicxml(pair.format("".join(parts)).encode())
    assert [(n.track, *rest) for n, rest in zip(piece.notes, sounding(piece), strict=True)] == [
        (1, 0, 4, 60), (2, 0, 3, 60), (1, 4, 4, 62), (2, 4, 4, 62),
    ]  # fmt: skip


def test_timewise_scores_compressed_files_and_channels():
    measure = "".join(f"<part id='{i}'>{note('C4', 1)}</part>" for i in range(1, 18))
    data = f"<score-timewise><measure>{measure}</measure></score-timewise>".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("score.xml", data)
    (piece,) = read_musicxml(buffer.getvalue())
    assert [piece] == read_musicxml(data)
    channels = [n.channel for n in piece.notes]
    assert channels == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 0, 1]


BOMB = (
    "<!DOCTYPE score-partwise [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 30))
    + "]><score-partwise>&a29;</score-partwise>"
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html/>", "not_musicxml"),
        (b"<score-partwise/>", "no_notes"),
        (b"<score-partwise><part>", "not_xml"),
        (b"<?xml version='1.0' encoding='nothing'?><score-partwise/>", "not_xml"),
        (b"\x00\x01\x02", "not_xml"),
        (BOMB.encode(), "entities"),
        (BOMB.encode("utf-16"), "entities"),
        (score([note("C4", "1e999999999")]), "bad_number"),
        (score([note("C4", "many")]), "bad_number"),
        (score([note("H4", 1)]), "bad_pitch"),
        (score([note("C4", 1)], start="<divisions>0</divisions>"), "bad_divisions"),
        (score([note("C4", 999_999_999)]), "too_long"),
        (b"PK\x03\x04 cut short", "damaged"),
        (b"<a>" * 100_000, "not_xml"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "not_musicxml"),
    ],
)
def test_faulty_files_are_refused_in_one_sentence(data, reason):
    with pytest.raises(UnreadableError) as error:
        read_musicxml(data)
    assert error.value.reason == reason
    assert "\n" not in str(error.value)


def test_a_zip_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(musicxml, "MAX_XML_BYTES", 100_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", b" " * 200_000)
    with pytest.raises(UnreadableError) as error:
        read_musicxml(buffer.getvalue())
    assert error.value.reason == "too_large"


def test_mutated_files_are_read_or_refused():
    draw = random.Random(1)
    plain = score([note("C4", 2) + note("E4", 2, "<chord/>"), note("D4", 4)], head="<work/>")
    packed = (CORPUS / "bach/bwv66.6.mxl").read_bytes()
    read = 0
    for number in range(600):
        data = bytearray(packed if number % 6 == 0 else plain)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(data))
            match draw.randrange(4):
                case 0:
                    data[at] = draw.choice(b"0123456789-.<>/ eCstop\xff\x00")
                case 1:
                    del data[at : at + draw.randint(1, 9)]
                case 2:
                    data[at:at] = data[draw.randrange(len(data)) :][:9]
                case _:
                    del data[at:]
            if not data:
                break
        try:
            read_musicxml(bytes(data))
            read += 1
        except UnreadableError:
            pass
    assert 0 < read < 600
