"""Notes as sound."""

import io
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pretty_midi
import tinysoundfont

SOUNDFONT = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")
SAMPLE_RATE_HZ = 44_100
TAIL_S = 1.5  # for the last notes to die away
PEAK = 10 ** (-1 / 20)  # -1 dBFS
DRUM_BANK = 128  # of a soundfont
MAX_VOICES = 1024  # of notes that sound at once, each of which takes one or more


def render(notes: pd.DataFrame) -> np.ndarray:
    """Return the sound of notes, (samples,), as `play` does, with its peak at -1 dBFS."""
    sound = play(notes)
    loudest = np.abs(sound).max()
    return sound * (PEAK / loudest) if loudest > 0 else sound


def play(notes: pd.DataFrame, rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Return the sound of notes, (samples,), mono.

    The soundfont inside pretty_midi plays them, drums with the drum kit of their program or, where
    the soundfont has none, the standard kit. Without notes, all samples are zero.

    Args:
        notes: notes in columns track, channel, program, is_drum, onset_seconds, duration_seconds,
            pitch_midi, velocity
        rate_hz: samples a second
    """
    synth = tinysoundfont.Synth(samplerate=rate_hz)
    font = synth.sfload(str(SOUNDFONT), max_voices=MAX_VOICES)
    # Each program of each track gets a channel of the synthesizer, which may have more than 16.
    players = notes.groupby(["track", "channel", "program", "is_drum"])
    for player, (_, _, program, is_drum) in enumerate(players.groups):
        synth.program_select(player, font, DRUM_BANK if is_drum else 0, int(program), bool(is_drum))
    onsets = notes["onset_seconds"].to_numpy()
    ends = onsets + notes["duration_seconds"].to_numpy()
    starts, stops = (np.rint(times * rate_hz).astype(int).tolist() for times in (onsets, ends))
    events = []
    for player, start, stop, pitch, velocity in zip(
        players.ngroup().tolist(),
        starts,
        stops,
        notes["pitch_midi"],
        notes["velocity"],
        strict=True,
    ):
        # At equal times, ends come first: a note that begins again ends before.
        events.append((start, 1, player, int(pitch), int(velocity)))
        events.append((max(stop, start + 1), 0, player, int(pitch), 0))
    chunks, now = [], 0
    end = round((ends.max(initial=0) + TAIL_S) * rate_hz)
    for at, begins, player, pitch, velocity in [*sorted(events), (end, 0, 0, 0, 0)]:
        if at > now:
            chunks.append(np.frombuffer(synth.generate(at - now), dtype=np.float32))
            now = at
        if begins:
            synth.noteon(player, pitch, velocity)
        else:
            synth.noteoff(player, pitch)
    stereo = np.concatenate(chunks).reshape(-1, 2)  # (samples, channels)
    return stereo.mean(axis=1)


def to_wav(sound: np.ndarray, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """Return sound between -1 and 1, (samples,) or (samples, channels), as a 16-bit WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1 if sound.ndim == 1 else sound.shape[1])
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(np.rint(sound * 32767).astype("<i2").tobytes())
    return file.getvalue()
