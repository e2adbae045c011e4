import base64
from pathlib import Path

from page_inputs import content


def test_the_page_plays_and_scores_a_piece(inputs):
    page = content("render_music")
    assert page.summary.startswith("On 1 of 2 scores the composer's passages are closer")
    piece, scores, training = page.sections
    audio, roll = piece.blocks
    wav = base64.b64decode(audio.wav.removeprefix("data:audio/wav;base64,"))
    assert wav == Path("data/music/composition.wav").read_bytes()
    assert base64.b64decode(audio.midi.split(",")[1]) == b"MThd"
    assert "2 beats, from pitch 48 to 72" in roll.caption
    assert scores.blocks[0].rows == [
        ["consonant intervals", "0.900", "0.800", "0.500", "composer"],
        ["pitches sounding at once", "0.900", "0.800", "0.500", "tie"],
    ]
    assert "from 8 of 10 chorales" in scores.blocks[1].text
    assert scores.blocks[2].rows == [["the same notes as an earlier one", "1"]]
    assert "over 2 rounds" in training.blocks[0].caption
