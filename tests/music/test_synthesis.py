import io
import wave

import numpy as np
import pandas as pd
import pytest

from stages.music.notes.midi import as_tracks
from stages.music.notes.synthesis import SAMPLE_RATE_HZ, render, to_wav

CHURCH_ORGAN, WOODBLOCK = 19, 115
PARTS = pd.DataFrame(
    [(1, 0.0, 2.0, 76), (2, 0.0, 2.0, 72), (4, 2.0, 1.0, 48)],
    columns=["part", "onset_beats", "duration_beats", "pitch_midi"],
)
NOTES = as_tracks(PARTS, tempo_bpm=60, program=CHURCH_ORGAN)


def peak_hz(sound, low_hz, high_hz):
    """Return the loudest frequency of the first two seconds between two bounds."""
    spectrum = np.abs(np.fft.rfft(sound[: 2 * SAMPLE_RATE_HZ] * np.hanning(2 * SAMPLE_RATE_HZ)))
    around = np.arange(int(2 * low_hz), int(2 * high_hz))  # bins of half a hertz
    peak = around[spectrum[around].argmax()]
    assert spectrum[peak] > 20 * np.median(spectrum)
    return peak / 2


def assert_in_tune(sound, pitch):
    hz = 440 * 2 ** ((pitch - 69) / 12)
    assert abs(1200 * np.log2(peak_hz(sound, 0.97 * hz, 1.03 * hz) / hz)) < 15  # cents


def test_sound_is_in_tune_and_not_clipped():
    sound = render(NOTES)
    assert np.abs(sound).max() == pytest.approx(10 ** (-1 / 20), rel=1e-3)
    assert len(sound) == pytest.approx((3 + 1.5) * SAMPLE_RATE_HZ, abs=2)
    assert_in_tune(sound, 72)
    assert_in_tune(sound, 76)
    assert np.abs(sound[int(0.2 * SAMPLE_RATE_HZ) : 2 * SAMPLE_RATE_HZ]).mean() > 0.01
    assert np.abs(sound[-1000:]).max() < 0.01


def test_silence_is_zeros():
    sound = render(NOTES.iloc[:0])
    assert len(sound) > 0
    assert not sound.any()


def test_notes_begin_and_end_when_they_should():
    woodblocks = NOTES.iloc[:2].assign(program=WOODBLOCK, onset_seconds=[0.5, 1.25])
    loud = np.abs(render(woodblocks)) > 0.05
    assert not loud[: int(0.49 * SAMPLE_RATE_HZ)].any()
    assert loud[int(0.5 * SAMPLE_RATE_HZ) : int(0.52 * SAMPLE_RATE_HZ)].any()
    assert not loud[int(1.1 * SAMPLE_RATE_HZ) : int(1.24 * SAMPLE_RATE_HZ)].any()
    assert loud[int(1.25 * SAMPLE_RATE_HZ) : int(1.27 * SAMPLE_RATE_HZ)].any()


def test_a_larger_velocity_is_louder():
    beats = NOTES.iloc[[0, 0]].assign(
        program=WOODBLOCK, onset_seconds=[0.0, 1.0], velocity=[30, 120]
    )
    soft, loud = np.split(np.abs(render(beats))[: 2 * SAMPLE_RATE_HZ], 2)
    assert loud.max() > 3 * soft.max()


def test_drums_are_drums_whatever_their_kit():
    long = NOTES.iloc[:1].assign(channel=9, is_drum=True, pitch_midi=69, duration_seconds=2.0)
    drum = render(long.assign(program=0))
    pitched = render(long.assign(program=0, is_drum=False))
    assert_in_tune(pitched, 69)
    assert not np.allclose(drum[:SAMPLE_RATE_HZ], pitched[:SAMPLE_RATE_HZ], atol=0.1)
    # A kit that the soundfont does not have is the standard kit; another one sounds otherwise.
    np.testing.assert_array_equal(render(long.assign(program=5)), drum)
    assert not np.array_equal(render(long.assign(program=25)), drum)


def test_more_programs_than_midi_has_channels():
    count = 40
    one_by_one = NOTES.iloc[[0] * count].assign(
        track=np.arange(1, count + 1),
        channel=0,
        program=[*range(count - 1), CHURCH_ORGAN],
        onset_seconds=0.0,
        velocity=[1] * (count - 1) + [127],
        pitch_midi=[40] * (count - 1) + [81],
    )
    assert_in_tune(render(one_by_one), 81)


def test_the_first_of_two_equal_notes_ends_first():
    twice = NOTES.iloc[[0, 0]].assign(onset_seconds=[0.0, 0.5], duration_seconds=[1.0, 2.0])
    sound = np.abs(render(twice))
    assert sound[int(1.5 * SAMPLE_RATE_HZ) : int(2.4 * SAMPLE_RATE_HZ)].mean() > 0.05
    assert sound[-1000:].max() < 0.01


def test_wav_contains_the_sound_in_equal_bytes():
    fast = as_tracks(PARTS, tempo_bpm=240, program=CHURCH_ORGAN)
    sound = render(fast)
    with wave.open(io.BytesIO(to_wav(sound))) as wav:
        assert wav.getparams()[:3] == (1, 2, SAMPLE_RATE_HZ)
        samples = np.frombuffer(wav.readframes(wav.getnframes()), dtype="<i2") / 32767
    np.testing.assert_allclose(samples, sound, atol=1 / 32767)
    assert to_wav(render(fast)) == to_wav(sound)
