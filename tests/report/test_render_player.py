import base64
import io

import pytest
import soundfile
from page_inputs import HOSTILE, content


def test_the_page_plays_and_scores_the_player(inputs):
    page = content("render_player")
    assert page.summary == (
        "Notes of the player at held-out pitches have the right pitch in 99.0% of cases, differ "
        "from real ones in 1 of 20 clusters, and are 1.2 times as far from them as the real notes "
        "rendered from their own curves."
    )
    performances, timbres, scores, learned, collected = page.sections
    for audio in performances.blocks:
        flac = base64.b64decode(audio.sound.removeprefix("data:audio/flac;base64,"))
        sound, rate_hz = soundfile.read(io.BytesIO(flac))
        assert (sound.shape, rate_hz) == ((8000, 2), 32000)
        assert audio.midi == ""
    first, _, second, _ = performances.blocks
    assert first.caption == (
        f"{HOSTILE}: 4 notes in 2 seconds, gliding from Flute through {HOSTILE} to Oboe. Loudness "
        "-20.0 LUFS, true peak -3.0 dBFS. The soundfont plays the drums."
    )
    assert "drums" not in second.caption
    known, walk, errors = timbres.blocks
    flute, other = known.sounds
    assert (flute.label, other.label) == ("Flute", f"{HOSTILE} (new)")
    assert flute.place == pytest.approx((0.08, 0.92))
    assert other.place == pytest.approx((0.92, 0.08))
    assert [one.label for one in walk.sounds] == ["1", "2"]
    assert errors.rows == [["Flute", "no", "5.0"], [HOSTILE, "yes", "8.0"]]
    table, compared, represented, _, copies, nearest = scores.blocks
    assert table.rows[0][:3] == ["player", "1", "500 (450 to 550)"]
    assert compared.text.startswith(
        "By the spectral distance the player beats “mean timbre” and “player, spectrogram”, and is "
        "beaten by “next pitch”. By the Frechet distance the player beats “mean timbre”, and ties "
        "with “next pitch” and “player, spectrogram”. "
    )
    assert table.rows[-2][:3] == ["player, spectrogram", "1", "8,000 (7,200 to 8,800)"]
    assert (
        "Their player has the right pitch in 99.0% of notes at held-out pitches and in 50.0% at "
        "those of the training; real notes rendered from their spectrograms in 99.0%."
    ) in represented.text
    assert [one.label for one in copies.sounds] == ["1 new", "1 real"]
    assert nearest.rows == [["1", "60", "Flute 60 64", "5.0"]]
    heard, distance, _, of_spectrograms, *_ = learned.blocks
    assert of_spectrograms.caption.startswith("The spectrogram player: three random timbres")
    assert [one.label for one in heard.sounds] == [
        "after 1% of the steps", "after 100% of the steps"
    ]  # fmt: skip
    assert "The checkpoint of round 2 of 2 is kept" in distance.caption
    assert "Organ sounds 1 octave below its keys" in collected.blocks[0].text
    assert "Not used: mine.sf2 program 1: it is silent." in collected.blocks[0].text
