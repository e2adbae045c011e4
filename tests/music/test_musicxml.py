import io
import random
import re
import zipfile
from collections import Counter

import music21
import pytest

from stages.core.raw import find_in_package
from stages.music.sources import musicxml
from stages.music.sources.musicxml import read_musicxml
from stages.music.sources.piece import Metre, Tempo, UnreadableError

CORPUS = find_in_package("music21", "corpus")
CHORALES = sorted((CORPUS / "bach").glob("*.mxl"))[3::45]
# Not files with uneven bars or some grace notes, in which the parts of music21 drift apart.
OTHERS = [
    "corelli/opus3no1/1grave.xml",
    "demos/two-parts.xml",  # two staves
    "handel/rinaldo/Lascia_chio_pianga.mxl",
    "haydn/opus1no1/movement1.mxl",
    "leadSheet/berlinAlexandersRagtime.mxl",  # chord symbols
    "luca/gloria.xml",
    "monteverdi/madrigal.3.20.mxl",
    "monteverdi/madrigal.4.19.mxl",  # ties of which only the start is written
    "mozart/k156/movement4.mxl",
    "mozart/k80/movement1.mxl",
    "schumann_clara/polonaise_op1n2.mxl",  # voices
    "trecento/Fava_Dicant_nunc_iudei.xml",
    "webern/webern_dormi_jesu_op_16_no_2.mxl",  # a transposing instrument
]


@pytest.mark.parametrize(
    "path", [*CHORALES, *(CORPUS / name for name in OTHERS)], ids=lambda path: path.stem
)
def test_notes_are_those_that_music21_reads(path):
    score = music21.converter.parse(path, forceSource=True).toSoundingPitch()
    expected = Counter(
        (round(float(note.getOffsetInHierarchy(joined)), 3), round(float(note.quarterLength), 3),
         pitch.midi)
        for joined in (part.stripTies() for part in score.parts)
        for note in joined.recurse().notes
        if note.quarterLength > 0 and not isinstance(note, music21.harmony.Harmony)
        for pitch in note.pitches
    )  # fmt: skip
    (piece,) = read_musicxml(path.read_bytes())
    own = Counter(
        (round(note.onset_beats, 3), round(note.duration_beats, 3), note.pitch_midi)
        for note in piece.notes
    )
    assert own == expected


def test_what_a_chorale_says():
    (piece,) = read_musicxml((CORPUS / "bach/bwv269.mxl").read_bytes())
    assert piece.metres == [Metre(0.0, 3, 4)]
    assert (piece.pickup_beats, piece.tempos) == (1.0, [Tempo(0.0, 120.0)])
    assert piece.track_names == ["Soprano", "Alto", "Tenor", "Bass"]
    assert {note.program for note in piece.notes} == {0}
    assert {note.velocity for note in piece.notes} == {80}
    assert piece.notes == sorted(piece.notes, key=lambda n: (n.onset_beats, n.track, n.pitch_midi))


PITCH = "<pitch><step>{}</step><octave>4</octave></pitch>"
TIME = "<time><beats>{}</beats><beat-type>{}</beat-type></time>"


def note(step, duration, extra=""):
    return f"<note>{PITCH.format(step)}<duration>{duration}</duration>{extra}</note>"


def rest(duration):
    return f"<note><rest/><duration>{duration}</duration></note>"


def attributes(divisions=2, time="", extra=""):
    time = time or TIME.format(4, 4)
    return f"<attributes><divisions>{divisions}</divisions>{time}{extra}</attributes>"


def score(*parts, described=(), extra=""):
    """Return a file, given the measures of each part and what its score-part contains."""
    described = [*described, *[""] * (len(parts) - len(described))]
    listed = "".join(
        f'<score-part id="P{i}">{text}</score-part>' for i, text in enumerate(described)
    )
    written = "".join(
        f'<part id="P{i}">{"".join(f"<measure>{bar}</measure>" for bar in bars)}</part>'
        for i, bars in enumerate(parts)
    )
    root = f"<score-partwise>{extra}<part-list>{listed}</part-list>{written}</score-partwise>"
    return f'<?xml version="1.0" encoding="UTF-8"?>{root}'.encode()


def compressed(data, name="s.xml", container="s.xml"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        rootfile = f'<rootfile full-path="{container}"/>'
        archive.writestr(
            "META-INF/container.xml", f"<container><rootfiles>{rootfile}</rootfiles></container>"
        )
        archive.writestr(name, data)
    return packed.getvalue()


def read(data):
    """Return a piece, and onset, duration and pitch of its notes."""
    (piece,) = read_musicxml(data)
    return piece, [(n.onset_beats, n.duration_beats, n.pitch_midi) for n in piece.notes]


BAR = (
    attributes()
    + '<note><pitch><step>C</step><alter>1</alter><octave>4</octave></pitch><duration>3</duration>'
    '<tie type="start"/></note>'
    + f"<note><grace/>{PITCH.format('A')}</note>"
    + f"<note><cue/>{PITCH.format('A')}<duration>1</duration></note>"
    + note("D", 4)
    + f"<note><chord/>{PITCH.format('F')}<duration>4</duration></note>"
    + "<backup><duration>8</duration></backup><forward><duration>1</duration></forward>"
    + note("G", 7)
)  # fmt: skip
NOTES = [(0.0, 1.5, 61), (0.5, 3.5, 67), (2.0, 2.0, 62), (2.0, 2.0, 65)]


def alone(data):
    """Return a compressed file without the list of its contents."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("s.musicxml", data)
    return packed.getvalue()


@pytest.mark.parametrize("pack", [bytes, compressed, alone])
def test_voices_chords_grace_notes_and_accidentals(pack):
    assert read(pack(score([BAR])))[1] == NOTES


def test_scores_by_measures():
    parts = f'<part id="A">{BAR}</part><part id="B">{attributes()}{note("E", 8)}</part>'
    bars = f"<measure>{parts}</measure>"
    data = f"<score-timewise><part-list/>{bars}{bars}</score-timewise>".encode()
    second = [(onset + 4, duration, pitch) for onset, duration, pitch in NOTES]
    whole = [(0.0, 4.0, 64), (4.0, 4.0, 64)]
    assert sorted(read(data)[1]) == sorted(NOTES + second + whole)


def test_ties_join_notes_of_each_voice():
    start, stop = '<tie type="start"/>', '<tie type="stop"/>'
    back = "<backup><duration>8</duration></backup>"
    first = attributes() + note("C", 8, start) + back + note("C", 8, start)
    second = note("C", 2, stop) + note("C", 6) + back + note("C", 8, stop)
    lone = attributes() + note("E", 4) + note("E", 4, stop)
    assert sorted(read(score([first, second]))[1]) == [(0, 5, 60), (0, 8, 60), (5, 3, 60)]
    assert read(score([lone]))[1] == [(0, 2, 64), (2, 2, 64)]


def test_transposing_instruments_programs_and_drums():
    transpose = "<transpose><chromatic>-2</chromatic><octave-change>-1</octave-change></transpose>"
    instruments = (
        '<part-name>Band\n</part-name><midi-instrument id="I0"><midi-program>72</midi-program>'
        '</midi-instrument><midi-instrument id="I1"><midi-unpitched>39</midi-unpitched>'
        "</midi-instrument>"
    )
    drum = '<note><unpitched/><duration>2</duration><instrument id="{}"/></note>'
    bar = attributes(extra=transpose) + note("C", 4) + drum.format("I1") + drum.format("I2")
    piece, notes = read(score([bar], described=[instruments]))
    assert notes == [(0, 2, 46), (2, 1, 38)]
    assert [(n.program, n.channel, n.is_drum) for n in piece.notes] == [
        (71, 0, False),
        (0, 9, True),
    ]
    assert piece.track_names == ["Band"]
    assert piece.repairs == {"unpitched_note": 1}


def test_quarter_tones_are_rounded_and_counted():
    sharp = "<step>C</step><alter>1.5</alter>"
    piece, notes = read(score([attributes() + note("C", 8).replace("<step>C</step>", sharp)]))
    assert (notes, piece.repairs) == ([(0, 4, 62)], {"quarter_tone": 1})


def test_tempos_metres_title_and_licence():
    header = (
        "<work><work-title>Quartet</work-title></work><movement-title>Menuetto</movement-title>"
        "<identification><rights>CC0</rights><rights>Mine</rights></identification>"
    )
    first = attributes(time=TIME.format("3+2", 8)) + note("C", 5)
    sound = '<direction><sound tempo="60"/></direction><sound tempo="nan"/>'
    second = f"<attributes>{TIME.format(2, 4)}</attributes>" + note("D", 2) + sound + note("E", 2)
    last = f"<attributes>{TIME.format(0, 4)}</attributes>" + note("F", 4)
    piece, _ = read(score([first, second, last], extra=header))
    assert (piece.title, piece.licence) == ("Quartet: Menuetto", "CC0; Mine")
    assert piece.metres == [Metre(0, 5, 8), Metre(2.5, 2, 4)]
    assert piece.tempos == [Tempo(0, 120), Tempo(3.5, 60)]
    assert [n.onset_seconds for n in piece.notes] == [0, 1.25, 1.75, 2.75]
    assert [n.duration_seconds for n in piece.notes] == [1.25, 0.5, 1, 2]
    assert piece.repairs == {"bad_tempo": 1, "bad_time_signature": 1}


def test_parts_stay_together_in_bars_of_different_lengths():
    """As in files from scanned music: a rest too long, a bar too short, a bar left empty."""
    high = [attributes() + note("C", 4) + rest(8), note("D", 6), "", note("E", 8)]
    low = [attributes() + note("C", 8), note("D", 8), "", note("E", 8)]
    piece, _ = read(score(high, low))
    assert [n.onset_beats for n in piece.notes] == [0, 0, 4, 4, 12, 12]
    assert piece.repairs == {"uneven_bar": 2}


def test_whole_rests_do_not_fill_a_pickup():
    high, low = [attributes() + note("C", 2), note("D", 8)], [attributes() + rest(8), note("E", 8)]
    piece, _ = read(score(high, low))
    assert piece.pickup_beats == 1
    assert [n.onset_beats for n in piece.notes] == [0, 1, 1]
    assert piece.repairs == {}


BOMB = b"""<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><score-partwise>&b;</score-partwise>"""
OUTSIDE = b"""<!DOCTYPE score-partwise [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<score-partwise>&a;</score-partwise>"""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b" ", "empty"),
        (b"PK\x03\x04broken", "damaged"),
        (b"<score-partwise>", "not_xml"),
        (score([BAR])[:-300], "not_xml"),
        (compressed(score([BAR]))[:-30], "damaged"),
        (compressed(score([BAR]), container="other.xml"), "damaged"),
        (b"<html/>", "not_musicxml"),
        (b"<score-partwise/>", "no_notes"),
        (score([attributes() + rest(8)]), "no_notes"),
        (score([attributes(divisions=0) + note("C", 1)]), "malformed"),
        (score([attributes() + note("C", -1)]), "malformed"),
        (score([attributes() + note("C", "1e999")]), "malformed"),
        (score([attributes() + note("C", "9" * 5000)]), "malformed"),
        (score([attributes() + note("H", 1)]), "malformed"),
        (score([attributes() + note("C", 900_000)]), "too_long"),
        (BOMB, "entities"),
        (BOMB.decode().replace("1.0", '1.0" encoding="utf-16').encode("utf-16"), "entities"),
        (OUTSIDE, "entities"),
    ],
)
def test_refused_files_say_why(data, reason):
    with pytest.raises(UnreadableError) as caught:
        read_musicxml(data)
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)


def test_large_contents_of_small_archives_are_refused(monkeypatch):
    monkeypatch.setattr(musicxml, "MAX_XML_BYTES", 1 << 20)
    with pytest.raises(UnreadableError, match="more than 1 MiB unpacked"):
        read_musicxml(compressed(score([BAR]) + b" " * (1 << 20)))


def test_declaration_of_the_document_type_is_not_an_entity():
    declared = b'<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "x">'
    data = score([BAR]).replace(b"<score-partwise>", declared + b"<score-partwise>")
    assert read(data)[1] == NOTES


def damaged(data, draw, changes=(b"", b"0", b"-", b"9", b"/", b"<", b"x", b"\xff")):
    """Return a file with some bytes changed, cut out or repeated."""
    data = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        length = draw.choice([1, 1, 1, 20])
        data[at : at + length] = draw.choice([*changes, data[at - 20 : at]])
    return bytes(data)


def test_damaged_files_are_read_or_refused():
    draw = random.Random(1)
    plain = score([BAR, BAR], [BAR], described=["<part-name>a</part-name>"])
    outcomes = Counter()
    for number in range(600):
        if number % 2:
            data = damaged(compressed(plain), draw)
        else:  # a single value, so that it stays XML
            value = draw.choice(list(re.finditer(rb">([^<\s]+)<", plain)))
            changed = damaged(value[1], draw, [b"", b"0", b"-", b"e9", b"/", b"1"])
            data = plain[: value.start(1)] + changed + plain[value.end(1) :]
        try:
            read_musicxml(data)
            outcomes["read"] += 1
        except UnreadableError:
            outcomes["refused"] += 1
    assert min(outcomes["read"], outcomes["refused"]) > 20
