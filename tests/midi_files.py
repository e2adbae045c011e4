"""Small MIDI files, byte by byte."""


def chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4) + content


def header(kind: int, tracks: int, division: bytes = b"\x01\xe0") -> bytes:
    return chunk(b"MThd", kind.to_bytes(2) + tracks.to_bytes(2) + division)


def midi_file(*tracks: bytes, kind: int = 1, division: bytes = b"\x01\xe0") -> bytes:
    """Return a file of 480 ticks a beat whose tracks lack only their end."""
    ended = [chunk(b"MTrk", track + b"\x00\xff\x2f\x00") for track in tracks]
    return header(kind, len(tracks), division) + b"".join(ended)


def note(pitch: int = 60, channel: int = 0, velocity: int = 100) -> bytes:
    """Return a note of one beat, from the time of the event before."""
    on, off = 0x90 | channel, 0x80 | channel
    return bytes([0, on, pitch, velocity, 0x83, 0x60, off, pitch, 64])


def meta(kind: int, value: bytes, delta: bytes = b"\x00") -> bytes:
    """Return a meta event with fewer than 128 bytes."""
    return delta + bytes([0xFF, kind, len(value)]) + value
