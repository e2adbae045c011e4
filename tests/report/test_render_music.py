import base64
from pathlib import Path

import pandas as pd
import pytest
from page_inputs import content

from stages.report.page.charts import piano_roll


def test_the_page_plays_and_scores_a_piece(inputs):
    page = content("render_music")
    assert page.summary == (
        "The composer is nearer to held-out music than simple methods on 2 of 2 against a Markov "
        "chain for each part (0 tied, 0 lost), 0 of 2 against a Markov chain over chords (2 tied, "
        "0 lost), 1 of 2 against random notes (0 tied, 1 lost)."
    )
    piece, harmonized, scores, learned, _ = page.sections
    for section, name, bars in (
        (piece, "composition", [0.0, 1.5]),
        (harmonized, "harmonization", [0.5, 2.0]),  # its melody is in the collection, with a pickup
    ):
        audio, roll = section.blocks
        wav = base64.b64decode(audio.sound.removeprefix("data:audio/wav;base64,"))
        assert wav == Path(f"data/music/{name}.wav").read_bytes()
        assert base64.b64decode(audio.midi.split(",")[1]) == b"MThd"
        assert audio.name == f"{name}.mid"
        assert "2 quarter notes, from pitch 48 to 72" in roll.caption
        assert roll.spec["encoding"]["x"]["axis"]["values"] == bars
    table, lost, overlap, divergence, novelty, given = scores.blocks
    assert table.rows[0] == [
        "consonant intervals", "0.900", "0.800 (0.700 to 0.850)", "0.600", "0.700", "0.500",
        "composer · tie · composer",
    ]  # fmt: skip
    assert "Random notes beat it on: parallel fifths and octaves." in lost.text
    assert overlap.rows == divergence.rows
    assert novelty.rows[0] == ["real", "1.0%", "0.0%", "7", "100.0%"]
    assert "100.0% come back note for note, more than 10% from free" in given.caption
    assert "on: crossed voices." in given.caption
    heard, likelihood, losses = learned.blocks
    assert [label for label, _ in heard.pieces] == [
        "after 1 % of the steps",
        "after 100 % of the steps",
    ]
    assert "The checkpoint of round 2 of 2 is kept" in likelihood.caption
    assert "before the critic joined" not in likelihood.caption
    assert "from round 2 on: at the end the critic scores real passages 0.10" in losses.caption


def test_the_collection_is_described_and_can_be_heard(inputs):
    about, faults, examples, keys, metres, ranges, lengths, player = (
        content("render_music").sections[-1].blocks
    )
    assert about.text.startswith("My music (https://example.org/long")
    assert ": 2 pieces with 3 notes from 3 files." in about.text
    assert faults.rows == [
        ["repaired", "zero tempo", "1 file", "2"],
        ["refused", "not midi", "1 file", "–"],
        ["dropped", "the same notes as an earlier piece, in any key and tempo", "1 piece", "–"],
        ["left out", ".txt is not a file of notes", "4 files", "–"],
    ]
    assert "&lt;not MIDI&gt;" in examples.html
    assert "A minor is the most frequent, and 1 of 2 pieces are in minor" in keys.caption
    assert "most pieces begin in 3/4" in metres.caption
    assert "2 parts" in ranges.caption
    assert "half of them last at most 0.8, the longest 1.0." in lengths.caption
    assert lengths.spec["data"]["values"] == [
        {"left": 0, "right": 1, "count": 1},
        {"left": 1, "right": 2, "count": 1},
    ]
    assert player.pieces == [
        ("Hymn (test)", [(1, 0, 500, 72), (2, 500, 500, 48)]),
        ("Air (train)", [(1, 0, 500, 60)]),
    ]


def test_the_pieces_to_hear_are_spread_over_the_test_split(inputs):
    pieces, notes = (pd.read_parquet(f"data/music/{name}.parquet") for name in ("pieces", "notes"))
    names = [f"test {n}" for n in range(1, 29)]
    copies = pieces.iloc[[0] * 28].assign(piece_id=names, title=names)
    pd.concat([copies, pieces]).to_parquet("data/music/pieces.parquet")
    sound = notes.iloc[[0] * 28].assign(piece_id=names)
    pd.concat([notes, sound]).to_parquet("data/music/notes.parquet")
    player = content("render_music").sections[-1].blocks[-1]
    assert [label for label, _ in player.pieces] == [
        *(f"test {n} (test)" for n in (1, 4, 7, 10, 13, 17, 20, 23, 26)),
        "Hymn (test)",
    ]


@pytest.mark.parametrize(("drums", "heard"), [("a", [["Air (train)"]]), ("ab", [])])
def test_pieces_that_begin_with_a_minute_of_drums_are_not_offered(inputs, drums, heard):
    notes = pd.read_parquet("data/music/notes.parquet")
    late = notes[notes["piece_id"].isin(list(drums))]
    notes.loc[late.index, "is_drum"] = True
    late = late.assign(onset_seconds=late["onset_seconds"] + 60)
    pd.concat([notes, late]).to_parquet("data/music/notes.parquet")
    players = [
        block for block in content("render_music").sections[-1].blocks if block.kind == "player"
    ]
    assert [[label for label, _ in player.pieces] for player in players] == heard


def test_parts_of_a_piano_roll_are_in_the_order_of_their_numbers():
    notes = {"part": [10, 2], "onset_beats": 0.0, "duration_beats": 1.0, "pitch_midi": 60}
    colour = piano_roll(pd.DataFrame(notes), [0.0], "")["encoding"]["color"]
    assert colour["sort"] == ["part 2", "part 10"]
