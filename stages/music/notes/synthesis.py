"""Notes as a MIDI file and as sound."""

import io
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pretty_midi
import tinysoundfont

from stages.music.contracts import PARTS

SAMPLE_RATE_HZ = 44_100
CHURCH_ORGAN = 19  # General MIDI, counted from 0
TAIL_S = 1.5  # for the last notes to die away
PEAK = 10 ** (-1 / 20)  # -1 dBFS


def to_midi(notes: pd.DataFrame, tempo_bpm: float) -> pretty_midi.PrettyMIDI:
    """Return notes (part, onset_beats, duration_beats, pitch_midi) as MIDI, one track per part."""
    midi = pretty_midi.PrettyMIDI(initial_tempo=tempo_bpm)
    seconds = 60 / tempo_bpm
    for part in PARTS:
        track = pretty_midi.Instrument(CHURCH_ORGAN, name=part)
        for note in notes[notes["part"] == part].itertuples():
            start = note.onset_beats * seconds
            end = (note.onset_beats + note.duration_beats) * seconds
            track.notes.append(pretty_midi.Note(80, int(note.pitch_midi), start, end))
        midi.instruments.append(track)
    return midi


def render(midi: pretty_midi.PrettyMIDI) -> np.ndarray:
    """Return the sound of `midi`, (samples,), mono at 44,100 Hz, with its peak at -1 dBFS.

    The soundfont inside pretty_midi plays it. Without notes, all samples are zero.
    """
    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE_HZ)
    font = synth.sfload(str(Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")))
    events = []
    for channel, track in enumerate(midi.instruments):
        synth.program_select(channel, font, 0, track.program)
        for note in track.notes:
            # At equal times, ends come first: a note that begins again ends before.
            events.append((round(note.start * SAMPLE_RATE_HZ), 1, channel, note.pitch))
            events.append((round(note.end * SAMPLE_RATE_HZ), 0, channel, note.pitch))
    chunks, now = [], 0
    end = round((midi.get_end_time() + TAIL_S) * SAMPLE_RATE_HZ)
    for at, begins, channel, pitch in [*sorted(events), (end, 0, 0, 0)]:
        if at > now:
            chunks.append(np.frombuffer(synth.generate(at - now), dtype=np.float32))
            now = at
        if begins:
            synth.noteon(channel, pitch, 80)
        else:
            synth.noteoff(channel, pitch)
    stereo = np.concatenate(chunks).reshape(-1, 2)  # (samples, channels)
    mono = stereo.mean(axis=1)
    loudest = np.abs(mono).max()
    return mono * (PEAK / loudest) if loudest > 0 else mono


def to_wav(sound: np.ndarray) -> bytes:
    """Return sound between -1 and 1, (samples,), as a 16-bit WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE_HZ)
        wav.writeframes(np.rint(sound * 32767).astype("<i2").tobytes())
    return file.getvalue()
