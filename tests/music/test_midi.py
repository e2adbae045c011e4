from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midi_files import meta, midi_file, note
from tiny import SHARED_DATA

from stages.music.notes.midi import MAX_DIVISION, as_tracks, write_midi
from stages.music.sources.encodings import decode_text
from stages.music.sources.midi import read_midi
from stages.music.sources.piece import Bend, Metre, Note, Pedal, Tempo

TUNES = sorted((SHARED_DATA / "midi").glob("*.mid"))
BEAT = b"\x83\x60"  # 480 ticks
EXACT = [name for name in Note._fields if not name.endswith("seconds")]


def read(data: bytes):
    (piece,) = read_midi(data)
    return piece


def frame(data: bytes) -> pd.DataFrame:
    return pd.DataFrame(read(data).notes)


def times(data: bytes) -> list[tuple[float, float]]:
    return [(n.onset_seconds, n.onset_seconds + n.duration_seconds) for n in read(data).notes]


# Reading


def test_a_piece_with_all_that_is_kept():
    piece = read(
        midi_file(
            meta(3, b"Waltz")
            + meta(2, "© 1999 A. B.".encode())
            + meta(0x51, (600_000).to_bytes(3))
            + meta(0x58, bytes([3, 2, 24, 8]))
            + meta(0x51, (300_000).to_bytes(3), BEAT),
            meta(3, b"Violin") + b"\x00\xc0\x28" + note(76) + note(74, velocity=1),
            note(35, channel=9),
        )
    )
    assert piece == (
        "Waltz",
        [
            Note(2, 0, 40, False, 0.0, 1.0, 0.0, 0.6, 76, 100),
            Note(3, 9, 0, True, 0.0, 1.0, 0.0, 0.6, 35, 100),
            Note(2, 0, 40, False, 1.0, 1.0, 0.6, 0.3, 74, 1),
        ],
        ["Waltz", "Violin", ""],
        [Metre(0.0, 3, 4)],
        [Tempo(0.0, 100.0), Tempo(1.0, 200.0)],
        0.0,
        "© 1999 A. B.",
        {},
        [],
        [],
    )


def test_notes_come_in_order_of_onset_track_and_pitch():
    chord = b"\x00\x90\x43\x40\x00\x3c\x40\x00\x40\x40" + BEAT + b"\x3c\x00\x00\x40\x00\x00\x43\x00"
    found = [(n.onset_beats, n.track, n.pitch_midi) for n in read(midi_file(chord, chord)).notes]
    assert found == [(0, track, pitch) for track in (1, 2) for pitch in (60, 64, 67)]


def test_equal_notes_end_in_the_order_in_which_they_begin():
    # Two notes that overlap; the second is the last to end, whichever was meant.
    overlap = b"\x00\x90\x3c\x0a" + BEAT + b"\x3c\x14" + BEAT + b"\x3c\x00" + BEAT + b"\x3c\x00"
    found = [(n.velocity, n.onset_beats, n.duration_beats) for n in read(midi_file(overlap)).notes]
    assert found == [(10, 0, 2), (20, 1, 2)]


def test_a_note_off_ends_only_notes_of_its_track_and_channel():
    long = b"\x00\x90\x3c\x40" + BEAT + b"\x81\x3c\x40" + BEAT + b"\x80\x3c\x40"
    piece = read(midi_file(long, note()))
    assert [(n.track, n.duration_beats) for n in piece.notes] == [(1, 2), (2, 1)]


def test_the_program_of_a_track_goes_before_that_of_other_tracks():
    data = midi_file(
        b"\x00\xc0\x05\x00\xc1\x06",  # a first track sets programs for others
        note(60) + b"\x00\xc0\x07" + note(61) + note(62, channel=1) + note(63, channel=2),
        note(64) + note(65),
    )
    programs = {n.pitch_midi: n.program for n in read(data).notes}
    assert programs == {60: 5, 61: 7, 62: 6, 63: 0, 64: 5, 65: 7}


def test_a_tempo_applies_to_all_tracks_and_the_last_at_one_time_holds():
    slow, fast = meta(0x51, (1_000_000).to_bytes(3)), meta(0x51, (250_000).to_bytes(3))
    assert times(midi_file(slow + fast + note(), note(), note())) == [(0, 0.25)] * 3
    assert times(midi_file(note(), slow, fast + note())) == [(0, 0.25)] * 2


def test_seconds_do_not_drift_over_ten_thousand_changes_of_tempo():
    # 333,333 microseconds and 7 microseconds more, in turns, every 7 ticks of 480
    change = [meta(0x51, (333_333 + 7 * (n % 2)).to_bytes(3), b"\x07") for n in range(10_000)]
    (_, (start, _)) = times(midi_file(note() + b"".join(change) + note()))
    exact = Fraction(480 * 500_000 + 7 * 500_000 + 7 * (5_000 * 333_333 + 4_999 * 333_340), 480)
    assert start == float(exact / 1_000_000)


@pytest.mark.parametrize(
    ("division", "seconds"),
    [(b"\xe7\x28", 0.48), (b"\xe8\x50", 0.25), (b"\xe3\x50", 0.2002), (b"\xe2\x50", 0.2)],
)
def test_smpte_times_have_two_beats_a_second(division, seconds):
    # 25 frames of 40 ticks, 24, 29.97 and 30 of 80
    (found,) = read(midi_file(meta(0x51, b"\x01\x00\x00") + note(), division=division)).notes
    assert (found.duration_seconds, found.duration_beats) == pytest.approx((seconds, 2 * seconds))


@pytest.mark.parametrize(
    ("signatures", "metres", "pickup_beats"),
    [
        ([], [(0, 4, 4)], 0),
        ([(0, 1, 4), (1, 4, 4)], [(0, 4, 4)], 1),
        ([(0, 3, 8), (1.5, 6, 8), (7.5, 4, 4)], [(0, 6, 8), (7.5, 4, 4)], 1.5),
        ([(0, 1, 4), (2, 4, 4)], [(0, 1, 4), (2, 4, 4)], 0),  # two bars of it
        ([(0, 4, 4), (4, 3, 4)], [(0, 4, 4), (4, 3, 4)], 0),  # longer than what follows
        ([(2, 3, 4)], [(0, 4, 4), (2, 3, 4)], 0),
        ([(0, 3, 4), (3, 3, 4), (6, 3, 4)], [(0, 3, 4)], 0),
        ([(0, 3, 4), (0, 2, 4)], [(0, 2, 4)], 0),
    ],
)
def test_metres_and_pickup(signatures, metres, pickup_beats):
    notes = frame(midi_file(note() * 8))
    piece = read(write_midi(notes, metres=[Metre(*one) for one in signatures]))
    assert (piece.metres, piece.pickup_beats) == (metres, pickup_beats)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        *(("utf-8", text) for text in ("Clair de lune", "Für Elise", "아리랑", "さくら")),
        *(("latin-1", text) for text in ("Für Elise", "Prélude n° 1", "© 1999", "Étude", "Señor")),
        *(("cp949", text) for text in ("사랑", "아리랑 1번", "피아노", "설뢰햏 노래")),
        *(("cp932", text) for text in ("ピアノ", "さくら さくら", "荒城の月", "ﾋﾟｱﾉ", "第1楽章")),
    ],
)
def test_names_in_the_encodings_of_their_countries(encoding, text):
    assert decode_text(text.encode(encoding)) == text
    assert read(midi_file(meta(3, text.encode(encoding) + b"\0") + note())).title == text


# Writing


@pytest.mark.skipif(not TUNES, reason="needs ../shared/data")
def test_midi_to_notes_to_midi_is_an_identity():
    for path in TUNES:
        piece = read(path.read_bytes())
        notes = pd.DataFrame(piece.notes)
        written = write_midi(notes, piece.track_names, piece.metres)
        again = read(written)
        assert again._replace(title=piece.title) == piece, path
        assert write_midi(pd.DataFrame(again.notes), again.track_names, again.metres) == written


@st.composite
def files(draw):
    """Draw a file with overlapping notes, programs and tempos at any time."""
    messages = st.one_of(
        st.tuples(st.sampled_from([0x90, 0x91, 0x99]), st.integers(60, 62), st.integers(0, 127)),
        st.tuples(st.sampled_from([0xC0, 0xC1, 0xC9]), st.integers(0, 127)),
        st.integers(1, 0xFFFFFF).map(lambda us: (0xFF, 0x51, 3, *us.to_bytes(3))),
    )
    events = st.lists(st.tuples(st.sampled_from([0, 1, 7, 60, 119]), messages), max_size=40)
    tracks = draw(st.lists(events, min_size=1, max_size=3))
    division = draw(st.integers(1, MAX_DIVISION))
    content = [b"".join(bytes([delta, *message]) for delta, message in own) for own in tracks]
    return midi_file(note(), *content, division=division.to_bytes(2))


@settings(max_examples=200, deadline=None)
@given(files())
def test_writing_and_reading_what_was_read_changes_nothing(data):
    notes = frame(data)
    again = frame(write_midi(notes))
    pd.testing.assert_frame_equal(notes[EXACT], again[EXACT], check_exact=True)
    ends = notes["onset_beats"] + notes["duration_beats"]
    gaps = np.diff(np.unique([0, *notes["onset_beats"], *ends])).max()
    for name in ("onset_seconds", "duration_seconds"):
        # A duration has the errors of two times.
        assert np.abs(notes[name] - again[name]).max() <= 2e-6 * max(1, gaps)


def test_times_that_no_tempo_fits_are_never_wrong_by_more_than_a_microsecond():
    # As played: 5,000 notes at odd times in seconds, one each eighth.
    onsets = np.cumsum(np.random.default_rng(1).uniform(0.2, 0.3, 5_001))
    notes = as_tracks(
        pd.DataFrame({"part": 1, "onset_beats": np.arange(5_000) / 2, "duration_beats": 0.5,
                      "pitch_midi": 60}), 120, 0,
    )  # fmt: skip
    played = notes.assign(onset_seconds=onsets[:-1], duration_seconds=np.diff(onsets))
    again = frame(write_midi(played.assign(onset_beats=played["onset_beats"] + 0.5)))
    assert np.abs(again["onset_seconds"] - onsets[:-1]).max() <= 1e-6


@pytest.mark.parametrize(
    ("beats", "division"),
    [([1, 2], 1), ([0.5, 0.75], 4), ([1 / 3, 0.25], 12), ([1 / 32_767], 32_767)],
)
def test_the_division_is_the_smallest_that_makes_times_whole(beats, division):
    notes = pd.concat([frame(midi_file(note()))] * len(beats)).assign(onset_beats=beats)
    written = write_midi(notes)
    assert int.from_bytes(written[12:14]) == division
    assert sorted(beats) == frame(written)["onset_beats"].tolist()


def test_times_that_no_division_fits_are_rounded():
    beats = [1 / 32_767, 1 / 3, np.pi, 100.1]
    notes = pd.concat([frame(midi_file(note()))] * len(beats)).assign(onset_beats=beats)
    again = frame(write_midi(notes.assign(duration_beats=1e-9)))
    np.testing.assert_allclose(again["onset_beats"], beats, atol=0.5 / 20_160)
    assert (again["duration_beats"] == 1 / 20_160).all()


def test_a_silence_longer_than_a_delta_can_state():
    notes = frame(midi_file(note())).assign(onset_beats=20_000 + 1 / 32_767)
    again = frame(write_midi(notes))
    assert again["onset_beats"].tolist() == notes["onset_beats"].tolist()


def test_a_note_within_an_equal_one_exchanges_its_end_with_it():
    notes = pd.concat([frame(midi_file(note()))] * 2).assign(
        onset_beats=[0.0, 1.0], duration_beats=[4.0, 1.0], velocity=[10, 20]
    )
    again = frame(write_midi(notes))
    assert again["duration_beats"].tolist() == [2.0, 3.0]
    assert again["velocity"].tolist() == [10, 20]


def test_composed_notes_have_a_track_and_a_channel_for_each_part():
    parts = pd.DataFrame(
        {"part": range(1, 18), "onset_beats": 1.5, "duration_beats": 0.5, "pitch_midi": 60}
    )
    tracks = as_tracks(parts, tempo_bpm=97, program=52)
    assert list(tracks) == list(Note._fields)
    assert tracks["channel"].tolist() == [*range(9), *range(10, 16), 0, 1]
    assert set(tracks["velocity"]) == {80}
    piece = read(write_midi(tracks, ["Soprano"], [Metre(0, 6, 8)]))
    pd.testing.assert_frame_equal(pd.DataFrame(piece.notes), tracks, check_dtype=False)
    assert len(piece.tempos) == 1
    assert piece.tempos[0].bpm == pytest.approx(97, abs=1e-4)
    assert (piece.title, piece.metres) == ("Soprano", [Metre(0, 6, 8)])


def test_a_file_without_notes_is_a_file():
    none = frame(midi_file(note())).iloc[:0]
    assert write_midi(none) == bytes.fromhex(
        "4d546864 00000006 0001 0001 0001 4d54726b 00000004 00ff2f00"
    )


# Against another library


@pytest.mark.skipif(not TUNES, reason="needs ../shared/data")
@pytest.mark.parametrize("path", TUNES, ids=lambda path: path.stem)
def test_symusic_reads_the_same_notes(path: Path):
    symusic = pytest.importorskip("symusic")
    score = symusic.Score(path)
    expected = sorted(
        (n.time / score.tpq, n.duration / score.tpq, n.pitch, n.velocity, t.program, t.is_drum)
        for t in score.tracks
        for n in t.notes
    )
    notes = read(path.read_bytes()).notes
    assert expected == sorted(
        (n.onset_beats, n.duration_beats, n.pitch_midi, n.velocity, n.program, n.is_drum)
        for n in notes
    )
    seconds = sorted((n.time, n.pitch) for t in score.to("second").tracks for n in t.notes)
    ours = sorted((n.onset_seconds, n.pitch_midi) for n in notes)
    np.testing.assert_allclose(seconds, ours, rtol=1e-5)  # symusic has 32 bits


def test_bends_and_pedals_of_a_channel_are_read_over_all_tracks():
    wheel, pedal = b"\x60\xe0\x00\x60", b"\x60\xb0\x40\x7f"  # each a tenth of a second later
    first = wheel + wheel + pedal + note()
    second = b"\x83\x60\xb0\x40\x00" + b"\x00\xe1\x00\x00" + note()
    (piece,) = read_midi(midi_file(first, second))
    # (0x60 << 7 - 8192) / 8192 of two semitones; equal values change nothing.
    assert piece.bends == [Bend(0, 0.1, 1.0), Bend(1, 0.5, -2.0)]
    assert piece.pedals == [Pedal(0, pytest.approx(0.3), True), Pedal(0, 0.5, False)]


def test_a_registered_parameter_sets_the_range_of_bends():
    def control(number, value):
        return bytes([0, 0xB0, number, value])

    wide = control(101, 0) + control(100, 0) + control(6, 12) + control(38, 50)
    ended = control(101, 127) + control(100, 127) + control(6, 1)
    up, down = b"\x00\xe0\x00\x60", b"\x60\xe0\x00\x20"
    (piece,) = read_midi(midi_file(wide + up + ended + down + control(121, 0) + note()))
    assert piece.bends == [Bend(0, 0.0, 6.25), Bend(0, 0.1, -6.25), Bend(0, 0.1, 0.0)]
    (piece,) = read_midi(midi_file(note()))
    assert (list(piece.bends), list(piece.pedals)) == ([], [])
