"""MIDI files for tests."""

import io

import mido

TICKS_PER_BEAT = 480


def midi(*tracks, key=0, stretch=1.0, channel=0, bpm=120) -> bytes:
    """Return a MIDI file, given the notes of each track: onset and duration in beats, pitch.

    Args:
        key: semitones to transpose by
        stretch: factor of all onsets and durations
        channel: channel of all notes; 9 is that of drums
        bpm: tempo in beats a minute
    """
    file = mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT)
    for number, notes in enumerate(tracks):
        track = mido.MidiTrack()
        if number == 0:
            track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm)))
        events = []
        for onset, duration, pitch in notes:
            start = round(onset * stretch * TICKS_PER_BEAT)
            end = round((onset + duration) * stretch * TICKS_PER_BEAT)
            events += [(start, 1, pitch + key), (end, 0, pitch + key)]
        now = 0
        for tick, begins, pitch in sorted(events):
            kind = "note_on" if begins else "note_off"
            track.append(
                mido.Message(kind, note=pitch, velocity=80, channel=channel, time=tick - now)
            )
            now = tick
        file.tracks.append(track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def tune(draw, length=40) -> list[tuple[float, float, int]]:
    """Return a random melody: onset and duration in beats, pitch."""
    return [(i / 2, 0.5, draw.randint(60, 80)) for i in range(length)]


def bass(draw, beats=20) -> list[tuple[float, float, int]]:
    """Return a random bass of whole notes."""
    return [(4.0 * i, 4.0, draw.randint(36, 48)) for i in range(beats // 4)]
