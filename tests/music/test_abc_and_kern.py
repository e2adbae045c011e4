import random
from pathlib import Path

import music21
import pytest

from stages.music.sources.abc import read_abc
from stages.music.sources.kern import read_kern
from stages.music.sources.piece import Metre, Tempo, UnreadableError

CORPUS = Path(music21.__file__).parent / "corpus"

TUNES = """X:1
T:The Way Café
Z:Copyright 1999 A. Person, free for any use
M:3/4
L:1/4
Q:1/4=90
K:G
"G"F|G2{g}A-|A[DB]z|(3GGG c/d/ e|

A text about the tune, with words like CAGE and FACE.

X:1
T:Second
M:6/8
L:1/8
K:Dm
|:B3 A3|d6:|
"""
# A pickup, a tie, a chord, a grace note and two spines, the lower one first.
KERN = """!!!OTL: Agnus
!!!OPR: Missa Brevis
**kern\t**kern\t**text
*M3/4\t*M3/4\t*
*MM90\t*MM90\t*
4C\t[4g\tA-
=1\t=1\t=1
4D 4F\t4g]\t.
.\t8aq\t.
2E-\t2b-\tgnus
=2\t=2\t=2
*M4/4\t*M4/4\t*
1r\t12cc\t.
.\t12dd\t.
.\t12ee\t.
.\t2.ff#\t.
==\t==\t==
*-\t*-\t*-
!!!YEC: Copyright 2000, A. Person
!!!YEM: Not for sale.
"""


def sounding(piece) -> list[tuple]:
    return [
        (n.track, round(n.onset_beats, 6), round(n.duration_beats, 6), n.pitch_midi)
        for n in piece.notes
    ]


def test_tunes_in_abc():
    first, second = read_abc(TUNES.encode())
    assert (first.title, first.licence) == (
        "The Way Café", "Copyright 1999 A. Person, free for any use",
    )  # fmt: skip
    assert (first.metres, first.tempos) == ([Metre(0, 3, 4)], [Tempo(0, 90)])
    assert first.pickup_beats == 1
    third = round(2 / 3, 6)
    assert sounding(first) == [
        (1, 0, 1, 66), (1, 1, 2, 67), (1, 3, 2, 69), (1, 5, 1, 62), (1, 5, 1, 71),
        (1, 7, third, 67), (1, round(7 + 2 / 3, 6), third, 67), (1, round(8 + 1 / 3, 6), third, 67),
        (1, 9, 0.5, 72), (1, 9.5, 0.5, 74), (1, 10, 1, 76),
    ]  # fmt: skip
    assert first.notes[2].onset_seconds == pytest.approx(3 * 60 / 90)
    assert (second.title, second.licence, second.pickup_beats) == ("Second", "", 0)
    assert (second.metres, second.tempos) == ([Metre(0, 6, 8)], [Tempo(0, 120)])
    assert sounding(second) == [(1, 0, 1.5, 70), (1, 1.5, 1.5, 69), (1, 3, 3, 74)]


def test_titles_in_other_encodings():
    first, _ = read_abc(TUNES.encode("latin-1"))
    assert first.title == "The Way Café"
    first, _ = read_abc(TUNES.replace("The Way Café", "아리랑").encode("euc_kr"))
    assert first.title == "아리랑"


def test_a_header_of_the_file_holds_for_its_tunes_and_voices_are_parts():
    data = b"%abc-2.1\nM:2/4\nL:1/8\n\nX:1\nK:C\nV:1\nc4|\nV:2\nC2E2|\n\nX:2\nK:C\nc4|\n"
    first, second = read_abc(data)
    assert first.metres == second.metres == [Metre(0, 2, 4)]
    assert sounding(first) == [(1, 0, 2, 72), (2, 0, 1, 60), (2, 1, 1, 64)]


def test_a_tune_that_cannot_be_read_does_not_lose_the_others(capfd):
    bad = "X:3\nT:Bad\nM:x/y\nL:1/4\nK:C\nCDE|\n"
    pieces = read_abc(f"{bad}\n{TUNES}\nX:4\nT:No key\nCDE\n".encode())
    assert [piece.title for piece in pieces] == ["The Way Café", "Second"]
    assert [piece.repairs for piece in pieces] == [{"tune_unreadable": 2}, {}]
    with pytest.raises(UnreadableError, match="music21 cannot read it") as error:
        read_abc(bad.encode())
    assert error.value.reason == "not_parsed"
    assert capfd.readouterr() == ("", "")


def test_a_piece_in_kern():
    (piece,) = read_kern(KERN.encode())
    assert piece.title == "Missa Brevis: Agnus"
    assert piece.licence == "Copyright 2000, A. Person; Not for sale."
    assert (piece.metres, piece.tempos) == ([Metre(0, 3, 4), Metre(4, 4, 4)], [Tempo(0, 90)])
    assert piece.pickup_beats == 1
    third = round(1 / 3, 6)
    assert sounding(piece) == [
        (1, 0, 2, 67), (2, 0, 1, 48), (2, 1, 1, 50), (2, 1, 1, 53), (1, 2, 2, 70), (2, 2, 2, 51),
        (1, 4, third, 72), (1, round(4 + third, 6), third, 74),
        (1, round(4 + 2 / 3, 6), third, 76), (1, 5, 3, 78),
    ]  # fmt: skip


def test_a_mass_in_kern():
    (piece,) = read_kern((CORPUS / "palestrina/Agnus_06.krn").read_bytes())
    assert piece.title == "Missa In duplicibus minoribus (II): Agnus"
    assert piece.licence.startswith("Copyright 2000, John Miller; Rights to all derivative")
    assert piece.track_names == ["Soprano", "Alto", "Tenor", "Tenor", "Bass"]
    assert piece.metres == [Metre(0, 4, 2)]


@pytest.mark.parametrize(
    ("read", "data", "reason"),
    [
        (read_abc, b"", "no_tune"),
        (read_abc, b"only text\n", "no_tune"),
        (read_abc, b"X:1\nT:One\nCDE\n", "no_key"),
        (read_abc, b"X:1\nM:4/4\nK:C\n", "no_notes"),
        (read_abc, b"X:1\nM:4/4\nL:1/4\nK:C\nC999999|\n", "long_bar"),
        (read_kern, b"", "no_kern"),
        (read_kern, b"**dynam\nf\n*-\n", "no_kern"),
        (read_kern, b"**kern\n*M4/4\n*-\n", "no_notes"),
    ],
)
def test_what_is_not_music_is_refused_in_one_sentence(read, data, reason):
    with pytest.raises(UnreadableError) as error:
        read(data)
    assert error.value.reason == reason
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("read", "text"), [(read_abc, TUNES), (read_kern, KERN)])
def test_mutated_files_are_read_or_refused(read, text, capfd):
    draw = random.Random(1)
    read_files = 0
    for _ in range(300):
        data = bytearray(text.encode())
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(data))
            match draw.randrange(4):
                case 0:
                    data[at] = draw.choice(b"0123456789-/|[](){}*=!:\t\n aKX\xff\x00")
                case 1:
                    del data[at : at + draw.randint(1, 9)]
                case 2:
                    data[at:at] = data[draw.randrange(len(data)) :][:9]
                case _:
                    del data[at + len(data) // 2 :]
        try:
            pieces = read(bytes(data))
            assert all(note.duration_beats > 0 for piece in pieces for note in piece.notes)
            read_files += 1
        except UnreadableError:
            pass
    assert 0 < read_files < 300
    assert capfd.readouterr() == ("", "")
