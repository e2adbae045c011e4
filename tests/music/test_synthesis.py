import io
import wave

import numpy as np
import pandas as pd
import pretty_midi
import pytest

from stages.music.notes.synthesis import SAMPLE_RATE_HZ, render, to_midi, to_wav

NOTES = pd.DataFrame(
    [("soprano", 0.0, 2.0, 76), ("alto", 0.0, 2.0, 72), ("bass", 2.0, 1.0, 48)],
    columns=["part", "onset_beats", "duration_beats", "pitch_midi"],
)


def test_midi_has_a_track_per_part_and_the_notes(tmp_path):
    to_midi(NOTES, tempo_bpm=120).write(str(tmp_path / "a.mid"))
    midi = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid"))
    tracks = {track.name: track.notes for track in midi.instruments}
    assert {name: [n.pitch for n in notes] for name, notes in tracks.items()} == {
        "soprano": [76],
        "alto": [72],
        "bass": [48],
    }
    assert tracks["bass"][0].start == pytest.approx(1.0)
    assert tracks["bass"][0].end == pytest.approx(1.5)
    assert midi.get_tempo_changes()[1].tolist() == pytest.approx([120])


def test_sound_is_in_tune_and_not_clipped():
    sound = render(to_midi(NOTES, tempo_bpm=60))
    assert np.abs(sound).max() == pytest.approx(10 ** (-1 / 20), rel=1e-3)
    assert len(sound) == pytest.approx((3 + 1.5) * SAMPLE_RATE_HZ, abs=2)
    window = sound[: 2 * SAMPLE_RATE_HZ] * np.hanning(2 * SAMPLE_RATE_HZ)
    spectrum = np.abs(np.fft.rfft(window))
    for pitch in (72, 76):
        hz = 440 * 2 ** ((pitch - 69) / 12)
        around = np.arange(int(2 * hz * 0.97), int(2 * hz * 1.03))  # bins of half a hertz
        peak_hz = around[spectrum[around].argmax()] / 2
        assert abs(1200 * np.log2(peak_hz / hz)) < 15  # cents
        assert spectrum[around].max() > 20 * np.median(spectrum)
    assert np.abs(sound[int(0.2 * SAMPLE_RATE_HZ) : 2 * SAMPLE_RATE_HZ]).mean() > 0.01
    assert np.abs(sound[-1000:]).max() < 0.01


def test_silence_is_zeros():
    sound = render(to_midi(NOTES.iloc[:0], tempo_bpm=60))
    assert len(sound) > 0
    assert not sound.any()


def test_wav_contains_the_sound_in_equal_bytes():
    sound = render(to_midi(NOTES, tempo_bpm=240))
    with wave.open(io.BytesIO(to_wav(sound))) as wav:
        assert wav.getparams()[:3] == (1, 2, SAMPLE_RATE_HZ)
        samples = np.frombuffer(wav.readframes(wav.getnframes()), dtype="<i2") / 32767
    np.testing.assert_allclose(samples, sound, atol=1 / 32767)
    assert to_wav(render(to_midi(NOTES, tempo_bpm=240))) == to_wav(sound)
