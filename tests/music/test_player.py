import struct

import numpy as np
import pandas as pd
import pytest
import torch
from sound_files import tone, write_wav

from stages.core.errors import StageError
from stages.core.losses import Losses
from stages.music.notes.synthesis import SOUNDFONT
from stages.music.player import flac
from stages.music.player.analysis import analyze
from stages.music.player.curves import FRAMES, HARMONICS, SAMPLE_RATE_HZ, Curves
from stages.music.player.loudness import normalize, true_peak
from stages.music.player.networks import Generator, Shape, read_player, save_player
from stages.music.player.performance import RATE_HZ, Bends, Glide, play, sustain
from stages.music.player.pitch import detect_pitch
from stages.music.player.sources import SAMPLES, of_folder, of_soundfont, read_sound
from stages.music.player.spectrograms import (
    BANDS,
    CENTRES,
    DB_PER_BIN,
    VALUES,
    WINDOW,
    to_sounds,
    to_spectrograms,
)
from stages.music.player.synthesis import render

SHAPE = Shape("harmonic", 4, 16, 6, pitches=(48, 72), velocities=(64, 112))


def random():
    return torch.Generator().manual_seed(0)


def generator_of_tones():
    """Return a generator whose first component makes the sound brighter."""
    torch.manual_seed(0)
    notes = torch.cat(
        [analyze(tone(60, harmonics=n), 60).to_vectors() for n in (2, 3, 5, 8, 12, 16, 20)]
    )
    generator = Generator(SHAPE, notes.shape[1])
    generator.fit_basis(notes, whitening=0.5)
    return generator.eval()


def notes(*rows, track=1, channel=0):
    columns = ["onset_seconds", "duration_seconds", "pitch_midi", "velocity"]
    return pd.DataFrame(list(rows), columns=columns).assign(track=track, channel=channel)


def performed(rows, glides=None, bends=None, seed=1):
    tracks = sorted(set(rows["track"]))
    still = Glide(torch.zeros(1, 4), torch.zeros(1))
    return play(
        rows, bends or {}, glides or dict.fromkeys(tracks, still), generator_of_tones(), 0.1, seed
    )


@pytest.mark.parametrize("pitch", [36, 48, 60, 72, 84])
def test_analysis_finds_harmonics_and_inharmonicity(pitch):
    curves = analyze(tone(pitch, inharmonicity=0.0004, harmonics=6), pitch)
    middle = curves.amplitudes_db[0, FRAMES // 2, :6]
    expected = 20 * np.log10(0.2) - 6 * np.arange(6)
    np.testing.assert_allclose(middle.numpy(), expected, atol=0.3)
    assert curves.inharmonicity[0] == pytest.approx(0.0004, rel=0.15)
    assert curves.cents[0, 5:-5].abs().max() < 3


@pytest.mark.parametrize("cents", [-40, 30])
def test_analysis_finds_how_far_a_note_is_out_of_tune(cents):
    curves = analyze(tone(60 + cents / 100), 60)
    assert curves.cents[0, 5:-5].numpy() == pytest.approx(cents, abs=1)


def test_analysis_measures_noise_between_harmonics():
    level = 0.01
    curves = analyze(tone(72, noise=level), 72)
    middle = curves.noise_db[0, 5:-5, 4:].mean()
    assert middle == pytest.approx(20 * np.log10(level), abs=1.5)


def test_a_note_from_its_curves_has_its_spectrum():
    sound = tone(60, inharmonicity=0.0002, noise=0.001)
    again = render(analyze(sound, 60), torch.tensor([[60.0]]), random())[0].numpy()
    assert len(again) == len(sound)
    window = np.hanning(4096)
    one, other = (np.abs(np.fft.rfft(part[8000:12096] * window)) for part in (sound, again))
    loud = one > one.max() / 100
    assert np.abs(20 * np.log10(other[loud] / one[loud])).mean() < 1.5


def test_curves_come_back_from_their_vectors():
    curves = analyze(tone(60, inharmonicity=0.0005, noise=0.01), 60)
    again = Curves.from_vectors(curves.to_vectors())
    for name in ("cents", "inharmonicity", "attack_db"):
        torch.testing.assert_close(
            getattr(again, name), getattr(curves, name), rtol=1e-4, atol=1e-4
        )
    quiet = curves.amplitudes_db.clamp(min=-84)
    torch.testing.assert_close(again.amplitudes_db, quiet)


def test_synthesis_is_differentiable_and_silence_is_silent():
    silent = Curves(
        torch.full((2, FRAMES, HARMONICS), -200.0),
        torch.full((2, FRAMES, 24), -200.0),
        torch.zeros(2, FRAMES),
        torch.zeros(2),
        torch.zeros(2, 16),
    )
    assert not render(silent, torch.tensor([[60.0], [72.0]]), random()).any()
    vectors = analyze(tone(60), 60).to_vectors().requires_grad_()
    render(Curves.from_vectors(vectors), torch.tensor([[60.0]]), random()).square().sum().backward()
    assert torch.isfinite(vectors.grad).all()
    assert vectors.grad.abs().sum() > 0
    curves = analyze(np.zeros(SAMPLES), 60)
    assert torch.isfinite(curves.to_vectors()).all()
    assert render(curves, torch.tensor([[60.0]]), random()).abs().max() < 1e-4


def test_pitch_is_detected():
    sounds = np.stack([tone(pitch) for pitch in (40, 60, 84)])
    assert detect_pitch(sounds) == pytest.approx([40, 60, 84], abs=0.1)


def test_a_soundfont_gives_its_notes():
    sounds = list(of_soundfont(SOUNDFONT, [0, 73], range(60, 62), [64, 112]))
    assert [(s.timbre, s.key, s.velocity) for s in sounds[:3]] == [
        ("Acoustic Grand Piano", 60, 64),
        ("Acoustic Grand Piano", 60, 112),
        ("Acoustic Grand Piano", 61, 64),
    ]
    assert sounds[-1].timbre == "Flute"
    assert np.abs(sounds[1].samples).max() > np.abs(sounds[0].samples).max() > 0.001
    assert detect_pitch(np.stack([s.samples for s in sounds])) == pytest.approx(
        [s.key for s in sounds], abs=0.5
    )


def test_a_file_that_is_not_a_soundfont_is_refused(tmp_path):
    (tmp_path / "no.sf2").write_bytes(b"RIFF1234sfbk" * 9)
    with pytest.raises(StageError, match=r"no\.sf2 is not a soundfont: give a file in the SF2"):
        list(of_soundfont(tmp_path / "no.sf2", [0], range(60, 61), [64]))
    with pytest.raises(StageError, match=r"does not have program 999"):
        list(of_soundfont(SOUNDFONT, [999], range(60, 61), [64]))


def test_a_folder_gives_notes_named_by_their_pitch(tmp_path):
    folder = tmp_path / "mine"
    write_wav(folder / "oboe_C4.wav", tone(60))
    write_wav(folder / "oboe-061-090.wav", tone(61)[:4000], channels=2)
    write_wav(folder / "horn/Bb2.wav", np.repeat(tone(46), 2), rate_hz=2 * SAMPLE_RATE_HZ)
    write_wav(folder / "nothing.wav", tone(60))
    write_wav(folder / "oboe_999.wav", tone(60))
    (folder / "bad_60.wav").write_bytes(b"RIFF")
    (folder / "notes.txt").write_text("hello")
    dropped = Losses()
    sounds = list(of_folder(folder, dropped))
    assert [(s.timbre, s.key, s.velocity) for s in sounds] == [
        ("horn", 46, 100), ("oboe", 61, 90), ("oboe", 60, 100)
    ]  # fmt: skip
    assert {len(s.samples) for s in sounds} == {SAMPLES}
    assert not sounds[1].samples[4000:].any()
    assert detect_pitch(sounds[0].samples[None]) == pytest.approx([46], abs=0.1)
    assert dropped.counts == {"damaged": 1, "not_wav": 1, "no_pitch": 2}
    assert "mine/bad_60.wav: it is not a WAV file that can be read" in dropped.examples


def test_wav_files_of_every_depth_are_read(tmp_path):
    sound = tone(60)[:1000]
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + 4000, b"WAVE", b"fmt ", 16, 3, 1,
                         SAMPLE_RATE_HZ, 4 * SAMPLE_RATE_HZ, 4, 32, b"data", 4000)  # fmt: skip
    (tmp_path / "floats.wav").write_bytes(header + sound.astype("<f4").tobytes())
    np.testing.assert_allclose(read_sound(tmp_path / "floats.wav"), sound, atol=1e-6)


@pytest.mark.parametrize("pitch", [24, 30, 45, 60, 75, 90])
def test_spectrograms_give_sounds_back(pitch):
    sound = torch.from_numpy(tone(pitch)[:SAMPLES]).float()
    sound[: SAMPLES // 4] = 0
    again = to_sounds(to_spectrograms(sound[None]))[0]
    held = slice(SAMPLES // 3, -SAMPLES // 10)
    parts = torch.stack([sound[held], again[held]])
    before, after = detect_pitch(parts.numpy())
    assert after == pytest.approx(before, abs=0.1)
    level_db = 10 * parts.square().mean(1).log10()
    assert level_db[1] == pytest.approx(level_db[0], abs=1 if pitch > 24 else 2)
    assert again[: SAMPLES // 8].abs().max() < 0.001


def test_spectrograms_have_the_level_and_frequency_of_a_sine():
    amplitude, hz = 0.5, 1007.0
    sine = amplitude * torch.sin(2 * torch.pi * hz / SAMPLE_RATE_HZ * torch.arange(SAMPLES))
    level_db, off = to_spectrograms(sine[None])[0].unflatten(0, (2, BANDS, -1))[:, :, 40]
    # Hann's window spreads the power of a sine to 1.5 times that of its middle bin.
    assert (10 ** (level_db / 10)).sum() == pytest.approx(1.5 * amplitude**2, rel=0.05)
    loudest = level_db.argmax()
    bins = CENTRES[loudest] + off[loudest] / DB_PER_BIN
    assert float(bins) * SAMPLE_RATE_HZ / WINDOW == pytest.approx(hz, abs=0.5)


def test_many_spectrograms_are_those_of_each_sound():
    sounds = torch.from_numpy(np.stack([tone(40 + n)[:SAMPLES] for n in range(33)])).float()
    together = to_spectrograms(sounds)
    torch.testing.assert_close(together[32:], to_spectrograms(sounds[32:]))
    torch.testing.assert_close(to_sounds(together)[32:], to_sounds(together[32:]))


def test_levels_beyond_those_of_sounds_stay_finite():
    vectors = torch.full((1, VALUES), 1e4)
    assert to_sounds(vectors).isfinite().all()


def test_a_silent_spectrogram_is_silent():
    vectors = to_spectrograms(torch.zeros(2, SAMPLES))
    assert vectors.shape == (2, VALUES)
    assert to_sounds(vectors).abs().max() == 0


def test_flac_gives_the_samples_back():
    sound = tone(60)
    again = flac.decode(flac.encode(sound))
    np.testing.assert_allclose(again, sound, atol=1 / 32767)


def test_the_basis_gives_real_notes_back():
    generator = generator_of_tones()
    real = analyze(tone(60, harmonics=5), 60).to_vectors()
    again = generator.values(generator.project(real))
    assert (again - real).abs().mean() < 0.5


def test_the_file_of_a_player_gives_it_back(tmp_path):
    generator = generator_of_tones()
    save_player(generator, tmp_path / "player.safetensors")
    again = read_player(tmp_path / "player.safetensors")
    assert again.shape == SHAPE
    told = SHAPE.conditions(torch.tensor([60]), torch.tensor([80]))
    latent = torch.ones(1, 4)
    torch.testing.assert_close(
        again.values(again(latent, told)), generator.values(generator(latent, told))
    )


@pytest.mark.parametrize("pitch", [0, 21, 60, 108, 127])
def test_every_pitch_of_midi_is_heard_in_tune(pitch):
    sound = performed(notes((0.0, 1.5, pitch, 100))).mean(axis=1)
    assert np.isfinite(sound).all()
    seconds = sound[: int(1.5 * RATE_HZ)].reshape(6, -1)
    assert (np.abs(seconds).max(axis=1) > 0.001).all()
    hz = 440 * 2 ** ((pitch - 69) / 12)
    spectrum = np.abs(np.fft.rfft(sound[:RATE_HZ] * np.hanning(RATE_HZ)))  # bins of 1 Hz
    found = [k for k in (1, 2, 3) if k * hz < RATE_HZ / 2]
    k = max(found, key=lambda k: spectrum[round(k * hz)])
    around = np.arange(int(k * hz * 0.97), int(k * hz * 1.03) + 2)
    assert abs(around[spectrum[around].argmax()] / k - hz) < 0.02 * hz + 1


def test_notes_may_last_as_long_as_they_like():
    sound = performed(notes((0.0, 25.0, 60, 100), (1.0, 0.01, 67, 64))).mean(axis=1)
    assert len(sound) == pytest.approx(25.1 * RATE_HZ, abs=0.1 * RATE_HZ)
    levels = np.abs(sound[: 25 * RATE_HZ].reshape(50, -1)).max(axis=1)
    assert (levels > 0.001).all()
    # Between the segments of a long note, nothing clicks.
    steps = np.abs(np.diff(sound[2 * RATE_HZ : 24 * RATE_HZ]))
    assert steps.max() < 3 * np.quantile(steps, 0.999)


def test_segments_of_a_long_note_join(monkeypatch):
    rows = notes((0.0, 4.0, 60, 100))
    whole = performed(rows)
    monkeypatch.setattr("stages.music.player.performance._SEGMENT_FRAMES", 20)
    parts = performed(rows)
    size = RATE_HZ // 4
    one, other = (np.abs(np.fft.rfft(s[: 12 * size, 0].reshape(12, -1))) for s in (whole, parts))
    loud = one > one.max() / 30
    assert np.abs(20 * np.log10(other[loud] / one[loud])).max() < 1


def test_equal_latents_short_pieces_and_silence_are_no_trouble():
    same = Glide(torch.ones(5, 4), torch.linspace(0, 0.1, 5, dtype=torch.double))
    still = Glide(torch.ones(1, 4), torch.zeros(1))
    rows = notes((0.0, 0.1, 60, 1))
    np.testing.assert_allclose(performed(rows, {1: same}), performed(rows, {1: still}), atol=1e-5)
    instant = Glide(torch.randn(3, 4, generator=random()), torch.zeros(3, dtype=torch.double))
    assert np.isfinite(performed(rows, {1: instant})).all()


def test_a_bend_moves_the_pitch_from_its_time_on():
    bends = {0: Bends(np.array([1.0, 2.0]), np.array([2.0, -1.0]))}
    rows = notes((0.0, 3.0, 60, 100))
    bent, unbent = (performed(rows, bends=own).mean(axis=1)[::2] for own in (bends, {}))
    for second, semitones in ((0.4, 0), (1.4, 2), (2.4, -1)):
        start = round(second * SAMPLE_RATE_HZ)
        parts = np.stack([sound[start : start + SAMPLE_RATE_HZ // 2] for sound in (bent, unbent)])
        found = detect_pitch(parts)
        assert found[0] - found[1] == pytest.approx(semitones, abs=0.1)


def test_velocity_changes_the_level():
    levels = [np.abs(performed(notes((0.0, 1.0, 60, v)))).max() for v in (8, 32, 64)]
    assert levels[0] < levels[1] < levels[2]


def test_tracks_are_spread_from_left_to_right():
    both = pd.concat([notes((0.0, 1.0, 60, 100)), notes((1.5, 1.0, 60, 100), track=2)])
    sound = np.abs(performed(both))
    first, second = sound[:RATE_HZ], sound[int(1.6 * RATE_HZ) :]
    assert first[:, 0].mean() > 1.5 * first[:, 1].mean()
    assert second[:, 1].mean() > 1.5 * second[:, 0].mean()


def test_the_same_piece_gives_the_same_samples():
    rows = notes((0.0, 0.5, 60, 100), (0.5, 1.0, 64, 80))
    assert np.array_equal(performed(rows), performed(rows))


def test_a_pedal_holds_notes_until_it_is_up_or_they_are_struck_again():
    rows = notes((0.0, 0.5, 60, 100), (0.0, 0.5, 64, 100), (1.0, 0.5, 60, 100), (3.0, 0.5, 64, 100))
    held = sustain(rows, {0: [(0.2, 2.0)]})
    assert held["duration_seconds"].tolist() == [1.0, 2.0, 1.0, 0.5]
    assert sustain(rows, {1: [(0.2, 2.0)]})["duration_seconds"].tolist() == [0.5] * 4


def test_loudness_is_what_was_asked_for_without_clipping():
    import pyloudnorm

    sound = np.stack([tone(60), tone(64)], axis=1) * 0.01
    loud = normalize(sound, SAMPLE_RATE_HZ, -20.0)
    assert pyloudnorm.Meter(SAMPLE_RATE_HZ).integrated_loudness(loud) == pytest.approx(-20, abs=0.1)
    clicks = np.zeros((SAMPLE_RATE_HZ, 2))
    clicks[::4000] = 1.0
    assert true_peak(normalize(clicks, SAMPLE_RATE_HZ, -3.0)) == pytest.approx(
        10 ** (-1 / 20), rel=0.001
    )
    assert not normalize(np.zeros((SAMPLE_RATE_HZ, 2)), SAMPLE_RATE_HZ, -20.0).any()
    short = normalize(np.full((10, 2), 0.5), SAMPLE_RATE_HZ, -20.0)
    assert np.isfinite(short).all()
    assert true_peak(short) <= 10 ** (-1 / 20) + 1e-9


def test_true_peak_is_between_the_samples():
    quarter = np.sin(np.pi / 4 + np.pi / 2 * np.arange(400))[:, None]  # samples miss the peaks
    assert np.abs(quarter).max() == pytest.approx(0.707, abs=0.01)
    assert true_peak(quarter) == pytest.approx(1.0, abs=0.05)
