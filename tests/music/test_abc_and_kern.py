import random

import pytest

from stages.music.sources.music21_files import read_abc, read_kern
from stages.music.sources.piece import UnreadableError

TUNES = b"""% Copyright 1999 A. Transcriber. Not for sale.
X: 1
T: First
M: 6/8
L: 1/8
K: G
D | "G"G2B {c}d2-d | [DG]3 z3 ||

X: 2
T: Second
M: 2/4
L: 1/16
K: C
C4 E4 | G8 |
"""
MASS = b"""!!!OTL: Agnus
**kern\t**kern
*M4/4\t*M4/4
=1\t=1
2C\t[1g
4D\t.
4E\t.
=2\t=2
1r\t2g]
.\t2a
==\t==
*-\t*-
!!!YEC: Copyright 2000, An Encoder
!!!YEM: Rights reserved.
"""


def times(piece):
    return [(n.track, n.onset_beats, n.duration_beats, n.pitch_midi) for n in piece.notes]


def test_tunes_of_an_abc_file():
    first, second = read_abc(TUNES)
    assert times(first) == [
        (1, 0.0, 0.5, 62), (1, 0.5, 1.0, 67), (1, 1.5, 0.5, 71), (1, 2.0, 1.5, 74),
        (1, 3.5, 1.5, 62), (1, 3.5, 1.5, 67),
    ]  # fmt: skip
    assert [(tune.title, tune.pickup_beats) for tune in (first, second)] == [
        ("First", 0.5),
        ("Second", 0.0),
    ]
    assert first.metres == [(0.0, 6, 8)]
    assert times(second) == [(1, 0.0, 1.0, 60), (1, 1.0, 1.0, 64), (1, 2.0, 2.0, 67)]
    assert second.notes[2].onset_seconds == 1.0
    assert first.licence == second.licence == "Copyright 1999 A. Transcriber. Not for sale."


def test_a_tune_that_cannot_be_read_does_not_lose_the_others():
    (tune,) = read_abc(TUNES[: TUNES.index(b"X: 2")] + b"X: 2\nT: Empty\nK: C\n")
    assert tune.title == "First"
    assert tune.repairs == {"tune_unreadable": 1}


def test_kern_with_ties_and_its_licence():
    (piece,) = read_kern(MASS)
    assert times(piece) == [
        (1, 0.0, 6.0, 67), (2, 0.0, 2.0, 48), (2, 2.0, 1.0, 50), (2, 3.0, 1.0, 52), (1, 6.0, 2.0, 69),
    ] or times(piece) == [
        (1, 0.0, 2.0, 48), (2, 0.0, 6.0, 67), (1, 2.0, 1.0, 50), (1, 3.0, 1.0, 52), (2, 6.0, 2.0, 69),
    ]  # fmt: skip
    assert piece.title == "Agnus"
    assert piece.licence == "Copyright 2000, An Encoder Rights reserved."


@pytest.mark.parametrize(
    ("read", "data", "reason"),
    [
        (read_abc, b"", "not_abc"),
        (read_abc, b"plain text", "not_abc"),
        (read_abc, b"X:1\nT:No notes\nK:C\n", "no_notes"),
        (read_kern, b"", "not_kern"),
        (read_kern, b"!!!OTL: x\n", "not_kern"),
        (read_kern, b"**kern\n*-\n", "no_notes"),
    ],
)
def test_what_has_no_music_is_refused_in_a_sentence(read, data, reason):
    with pytest.raises(UnreadableError) as caught:
        read(data)
    assert caught.value.reason in (reason, "unreadable_notation")
    assert str(caught.value)


@pytest.mark.parametrize(("read", "source"), [(read_abc, TUNES), (read_kern, MASS)])
def test_damaged_files_are_read_or_refused(read, source, capsys):
    draw = random.Random(0)
    for _ in range(150):
        data = bytearray(source)
        for _ in range(draw.randint(1, 5)):
            at = draw.randrange(len(data))
            data[at : at + draw.randint(0, 3)] = draw.randbytes(draw.randint(0, 3))
        try:
            pieces = read(bytes(data))
        except UnreadableError:
            continue
        assert all(piece.notes for piece in pieces)
    assert capsys.readouterr().err == ""
