import random
import re
import subprocess
import sys
from collections import Counter
from fractions import Fraction

import music21
import pytest

from stages.core.raw import find_in_package
from stages.music.sources.abc import read_abc
from stages.music.sources.kern import read_kern
from stages.music.sources.piece import Metre, Tempo, UnreadableError

CORPUS = find_in_package("music21", "corpus")
TUNES = sorted((CORPUS / "ryansMammoth").glob("*.abc"))
MOVEMENTS = sorted((CORPUS / "palestrina").glob("*.krn"))
QUARTER = "X:1\nT:A tune\nM:4/4\nL:1/4\nK:C\n"


def notes(piece):
    return [(n.onset_beats, n.duration_beats, n.pitch_midi) for n in piece.notes]


def read(body, head=QUARTER):
    """Return onset, duration and pitch of the notes of a tune."""
    (piece,) = read_abc((head + body).encode())
    return notes(piece)


def pitches(body, head=QUARTER):
    return [pitch for _, _, pitch in read(body, head)]


def lengths(body, head=QUARTER):
    return [duration for _, duration, _ in read(body, head)]


def test_tunes_are_those_that_music21_reads():
    """Without what music21 leaves out: accidentals later in a bar, decorations between notes."""
    compared = 0
    for path in TUNES[::15]:
        text = path.read_text("latin-1")
        body = text.split("\nK:")[1].partition("\n")[2]
        if re.search(r"[\^_=][a-gA-G]|[<>][\"(.~uvHT{]|-|\[[A-Z]:|\[\"|H", body):
            continue
        expected = [
            (float(note.offset), float(note.quarterLength), pitch.midi)
            for part in music21.converter.parseData(text, format="abc").parts
            for note in part.flatten().notes
            if not isinstance(note, music21.harmony.Harmony) and not note.duration.isGrace
            for pitch in note.pitches
        ]
        (piece,) = read_abc(path.read_bytes())
        assert Counter(notes(piece)) == Counter(expected), path.stem
        compared += 1
    assert compared > 15


def test_a_tune_against_its_text():
    """The Enchanted Valley: `G3-A (Bcd=e) | f4 (g2dB) | ({d}c3-B) G2-E2`, unit 1/16, G minor."""
    first, second = read_abc((CORPUS / "oneills1850/0001-0050.abc").read_bytes())[:2]
    assert first.title == "The Enchanted Valley"
    assert first.metres == [Metre(0.0, 2, 4)]
    assert notes(first)[:12] == [
        (0, 0.75, 67), (0.75, 0.25, 69), (1, 0.25, 70), (1.25, 0.25, 72), (1.5, 0.25, 74),
        (1.75, 0.25, 76), (2, 1, 77), (3, 0.5, 79), (3.5, 0.25, 74), (3.75, 0.25, 70),
        (4, 0.75, 72), (4.75, 0.25, 70),
    ]  # fmt: skip
    assert (second.title, second.pickup_beats) == ("Fare You Well", 0.5)
    assert all(n.velocity == 80 and n.track == 1 and n.program == 0 for n in first.notes)


def test_all_tunes_of_a_collection_are_read():
    pieces = read_abc((CORPUS / "oneills1850/0101-0200.abc").read_bytes())
    assert len(pieces) == 100
    assert not any(piece.repairs for piece in pieces)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("C", "C D E F G A B"), ("G", "C D E F# G A B"), ("Gm", "C D Eb F G A Bb"),
        ("D mix", "C D E F# G A B"), ("Ador", "C D E F# G A B"), ("F#minor", "C# D E F# G# A B"),
        ("Bb", "C D Eb F G A Bb"), ("Cb", "Cb Db Eb Fb Gb Ab Bb"), ("HP", "C# D E F# G A B"),
        ("none", "C D E F G A B"), ("E phrygian", "C D E F G A B"), ("D exp _b", "C D E F G A Bb"),
        ("D ^g =c", "C D E F# G# A B"), ("", "C D E F G A B"), ("G clef=bass", "C D E F# G A B"),
    ],
)  # fmt: skip
def test_keys(key, expected):
    names = [music21.pitch.Pitch(name.replace("b", "-") + "4").midi for name in expected.split()]
    assert pitches("CDEFGAB", QUARTER.replace("K:C", f"K:{key}")) == names


def test_octaves_and_accidentals():
    assert pitches("C,,C,Ccc'c''") == [36, 48, 60, 72, 84, 96]
    assert pitches("^F f =f F|F __B ^^c") == [66, 78, 77, 65, 65, 69, 74]
    assert pitches("^f-|f f|f") == [78, 77, 77]  # a tie carries the accidental
    assert pitches("C", QUARTER.replace("K:C", "K:C transpose=-2 octave=1")) == [70]
    assert pitches("C", QUARTER.replace("K:C", "K:C clef=treble-8")) == [48]


def test_lengths():
    assert lengths("a a2 a/ a/2 a// a3/4 a3/ z a") == [1, 2, 0.5, 0.5, 0.25, 0.75, 1.5, 1]
    assert lengths('a>b a<b a>>b a> "G".b') == [1.5, 0.5, 0.5, 1.5, 1.75, 0.25, 1.5, 0.5]
    third = float(Fraction(2, 3))
    assert lengths("(3abc (2ab (3:2:4abab (3a/b/c/ a") == [
        *[third] * 3, 1.5, 1.5, *[third] * 4, *[third / 2] * 3, 1,
    ]  # fmt: skip
    assert lengths("a", QUARTER.replace("L:1/4\n", "")) == [0.5]
    assert lengths("a", QUARTER.replace("L:1/4\n", "").replace("4/4", "2/4")) == [0.25]
    assert lengths("a\nL:1/8\na[L:1/16]a") == [1, 0.5, 0.25]
    assert read("a|Z2|b y2 c x d") == [(0, 1, 81), (9, 1, 83), (10, 1, 72), (12, 1, 74)]


def test_chords_ties_and_what_is_not_a_note():
    assert read("[CEG]2 [ce/]") == [
        (0, 2, 60), (0, 2, 64), (0, 2, 67), (2, 1, 72), (2, 1, 76)
    ]  # fmt: skip
    assert read("[CE]-[CE] C-|C [C-E] C") == [
        (0, 2, 60), (0, 2, 64), (2, 2, 60), (4, 2, 60), (4, 1, 64)
    ]  # fmt: skip
    plain = read("abcd|efga")
    assert plain == read('"Am"{gf}a.b!trill!~c"^dead"Td|[1(e%abc\nf):|[2 uga|]\nw:a b\nN: abc')
    assert plain == read(
        "abcd\\\n|\n%%begintext\nabc | d\n%%endtext\nefga:|\n\nGood tune, bad face."
    )
    assert read("C2 D2 & E4 | F") == [(0, 2, 60), (0, 4, 64), (2, 2, 62), (4, 1, 65)]


def test_metres_tempos_and_pickup():
    head = 'X:1\nT:First\nT:Second\nC:Copyright 1999 by me\nM:C|\nQ:"Fast" 1/2=60\nL:1/8\nK:D\n'
    (piece,) = read_abc((head + "A|A8|\nM:6/8\nQ:3/8=40\nA6|[M:2+3/8]A5|").encode())
    assert (piece.title, piece.licence) == ("First", "Copyright 1999 by me")
    assert piece.metres == [Metre(0, 2, 2), Metre(4.5, 6, 8), Metre(7.5, 5, 8)]
    assert piece.tempos == [Tempo(0, 120), Tempo(4.5, 60)]
    assert piece.pickup_beats == 0.5
    assert [n.onset_seconds for n in piece.notes] == [0, 0.25, 2.25, 5.25]


@pytest.mark.parametrize(
    ("tempo", "bpm"),
    [
        ("1/4=90", 90),
        ("3/8=60", 90),
        ("240", 120),
        ("C3=40", 60),
        ("1/4 1/8=40", 60),
        ("Slow", 120),
    ],
)
def test_tempos_in_older_files_count_units_of_length(tempo, bpm):
    (piece,) = read_abc(f"X:1\nQ:{tempo}\nL:1/8\nK:C\nabc".encode())
    assert piece.tempos == [Tempo(0, bpm)]


@pytest.mark.parametrize(
    "body",
    [
        "V:1\nab|\nV:2\nAB|\nV:1\ncd|\nV:2\nCD|",
        "[V:1]ab|\n[V:2]AB|\n[V:1] cd|\n[V:2] CD|",
    ],
)
def test_voices(body):
    head = QUARTER.replace("K:C", 'V:1 name="High"\nV:2 nm="Low" clef=bass octave=-1\nK:C')
    (piece,) = read_abc((head + body).encode())
    assert piece.track_names == ["High", "Low"]
    tracks = {track: [n for n in piece.notes if n.track == track] for track in (1, 2)}
    assert [(n.onset_beats, n.pitch_midi) for n in tracks[1]] == [
        (0, 81),
        (1, 83),
        (2, 72),
        (3, 74),
    ]
    assert [(n.onset_beats, n.pitch_midi) for n in tracks[2]] == [
        (0, 57),
        (1, 59),
        (2, 48),
        (3, 50),
    ]
    assert {n.channel for n in tracks[2]} == {1}


@pytest.mark.parametrize(
    ("title", "encoding"),
    [
        *(("Été", name) for name in ("utf-8", "utf-8-sig", "utf-16", "latin-1")),
        ("아리랑", "euc_kr"),
    ],
)
def test_encodings(title, encoding):
    tune = QUARTER.replace("A tune", title).replace("\n", "\r\n") + "abc"
    assert [piece.title for piece in read_abc(tune.encode(encoding))] == [title]
    kern = KERN.replace("Title", title)
    assert [piece.title for piece in read_kern(kern.encode(encoding))] == [title]


def test_a_single_tune_needs_no_number():
    assert pitches("ab", QUARTER.removeprefix("X:1\n")) == [81, 83]


def test_bad_tunes_do_not_lose_the_others():
    bad, silent = "X:2\nT:No key\nabc\n", "X:3\nK:C\nz4\n"
    pieces = read_abc(f"L:1/4\nFree text, a bad deed\n\n{bad}\n{QUARTER}abc\n\n{silent}".encode())
    assert [notes(piece) for piece in pieces] == [[(0, 1, 81), (1, 1, 83), (2, 1, 72)]]
    assert pieces[0].repairs == {"tune_unreadable": 2}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no_tune"),
        (b"a bad face", "no_tune"),
        (b"X:1\nabc", "no_key"),
        (b"X:1\nK:C\nz|z", "no_notes"),
        (b"X:1\nK:C\na/0", "malformed"),
        (b"X:1\nK:C\na99999|" + b"a99999|" * 9, "too_long"),
    ],
)
def test_refused_abc_says_why(data, reason):
    with pytest.raises(UnreadableError) as caught:
        read_abc(data)
    assert caught.value.reason == reason


def kern_notes(text):
    """Return the notes of spines that do not split, read by the rules of kern."""
    found, spines = Counter(), []
    for line in text.splitlines():
        if line.startswith("**"):
            spines = [{"now": Fraction(0), "open": {}} for _ in line.split("\t")]
        elif line and line[0] not in "!*=":
            for spine, token in zip(spines, line.split("\t"), strict=True):
                if token != ".":
                    number, dots = re.search(r"(\d+)(\.*)", token).groups()
                    whole = Fraction(8) if number == "0" else Fraction(4, int(number))
                    duration = whole * (2 - Fraction(1, 2 ** len(dots)))
                    onset, spine["now"] = spine["now"], spine["now"] + duration
                    letters = re.search(r"([a-gA-G])\1*", token)
                    if letters:
                        octave = len(letters[0]) if letters[1].islower() else 1 - len(letters[0])
                        step = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
                        pitch = 48 + 12 * octave + step[letters[1].lower()]
                        pitch += token.count("#") - token.count("-")
                        if "]" in token or "_" in token:
                            start, before = spine["open"].pop(pitch)
                            onset, duration = start, before + duration
                        if "[" in token or "_" in token:
                            spine["open"][pitch] = onset, duration
                        else:
                            found[float(onset), float(duration), pitch] += 1
    return found


@pytest.mark.parametrize("path", MOVEMENTS[::250], ids=lambda path: path.stem)
def test_notes_of_kern_are_those_in_the_text(path):
    (piece,) = read_kern(path.read_bytes())
    assert Counter(notes(piece)) == kern_notes(path.read_text("latin-1"))


def test_what_a_movement_says():
    (piece,) = read_kern((CORPUS / "palestrina/Agnus_00.krn").read_bytes())
    assert piece.title == "Missa De Beata Marie Virginis (II): Agnus"
    assert piece.licence.startswith("Copyright 2000, John Miller; Rights to all derivative")
    assert (piece.metres, piece.pickup_beats) == ([Metre(0.0, 4, 2)], 0.0)
    assert piece.notes[0][:5] == (1, 0, 53, False, 0.0)  # the cantus starts with 1g
    assert piece.notes[0].pitch_midi == 67


KERN = """!!!OTL: Title
**kern	**kern	**dynam
*Ipiano	*I"Violin	*
*M3/4	*M3/4	*
*MM100	*MM100	*
*k[b-]	*k[b-]	*
4C	[4c 4e	f
=1	=1	=1
*	*^	*
2.D	4d	4c]	.
.	8qd	.	.
.	2f-	2g##	.
*	*v	*v	*
=2	=2	=2
*MM50	*MM50	*
2.r	2.a;	.
==	==	==
*-	*-	*-
"""


def test_chords_ties_grace_notes_and_split_spines():
    (piece,) = read_kern(KERN.encode())
    assert notes(piece) == [
        (0, 2, 60), (0, 1, 64), (0, 1, 48), (1, 1, 62), (1, 3, 50), (2, 2, 64), (2, 2, 69),
        (4, 3, 69),
    ]  # fmt: skip
    assert piece.track_names == ["Violin", "Piano"]
    assert (piece.pickup_beats, piece.metres) == (1.0, [Metre(0.0, 3, 4)])
    assert piece.tempos == [Tempo(0.0, 100), Tempo(4.0, 50)]


def test_a_metre_of_a_million_beats_does_not_fill_the_memory():
    (piece,) = read_kern(KERN.replace("*M3/4", "*M3000000/4").encode())
    assert piece.metres == [Metre(0.0, 4, 4)]
    assert piece.repairs == {"bad_time_signature": 2}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no_kern"),
        (b"!!!OTL: x\n**dynam\nf\n*-\n", "no_kern"),
        (b"**kern\n", "no_notes"),
        (b"**kern\n4r\n*-\n", "no_notes"),
    ],
)
def test_refused_kern_says_why(data, reason):
    with pytest.raises(UnreadableError) as caught:
        read_kern(data)
    assert caught.value.reason == reason


def damaged(text, draw, signs):
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(len(text) + 1)
        text = text[:at] + draw.choice(signs) + text[at + draw.choice([0, 1, 1, 8]) :]
    return text.encode("latin-1")


@pytest.mark.parametrize(
    ("reader", "text", "signs"),
    [
        (read_abc, TUNES[0].read_text("latin-1"), ["", "\n", "\xff", *'[]{}()"!+|:/<>-&%09zZX^_,']),
        (read_kern, KERN, ["", "\n", "\t", "\xff", *"*^v+-=![]_.0123456789qr#&%"]),
    ],
)
def test_damaged_files_are_read_or_refused(reader, text, signs, capfd):
    draw = random.Random(1)
    outcomes = Counter()
    for _ in range(200):
        try:
            reader(damaged(text, draw, signs))
            outcomes["read"] += 1
        except UnreadableError as error:
            assert "\n" not in str(error)
            outcomes["refused"] += 1
    assert outcomes["read"] > 20
    assert capfd.readouterr() == ("", "")


def test_nothing_is_written_to_home_and_temporary_folders(tmp_path):
    program = f"""from stages.music.sources.kern import read_kern
read_kern(open({str(MOVEMENTS[0])!r}, "rb").read())"""
    environment = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
