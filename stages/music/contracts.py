"""The tables of the music room."""

import pyarrow as pa

from stages.core.contracts import Contract

SPLITS = ["train", "validation", "test"]

# Onset, length and pitch of a note.
_NOTE_FIELDS = [
    pa.field("onset_beats", pa.float64(), nullable=False),
    pa.field("duration_beats", pa.float64(), nullable=False),
    pa.field("pitch_midi", pa.int32(), nullable=False),
]
_NOTE_EXPECTATIONS = (
    ("ExpectColumnValuesToBeBetween", {"column": "onset_beats", "min_value": 0}),
    (
        "ExpectColumnValuesToBeBetween",
        {"column": "duration_beats", "min_value": 0, "strict_min": True},
    ),
    ("ExpectColumnValuesToBeBetween", {"column": "pitch_midi", "min_value": 0, "max_value": 127}),
)
_IN_SPLITS = ("ExpectColumnValuesToBeInSet", {"column": "split", "value_set": SPLITS})

# `part` is the number of the voice in its piece, from 1, the highest first; 0 for drums.
NOTES = Contract(
    pa.schema(
        [
            pa.field("piece_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("track", pa.int32(), nullable=False),
            pa.field("part", pa.int32(), nullable=False),
            pa.field("channel", pa.int32(), nullable=False),
            pa.field("program", pa.int32(), nullable=False),
            pa.field("is_drum", pa.bool_(), nullable=False),
            pa.field("onset_beats", pa.float64(), nullable=False),
            pa.field("duration_beats", pa.float64(), nullable=False),
            pa.field("onset_seconds", pa.float64(), nullable=False),
            pa.field("duration_seconds", pa.float64(), nullable=False),
            pa.field("pitch_midi", pa.int32(), nullable=False),
            pa.field("velocity", pa.int32(), nullable=False),
        ]
    ),
    (
        _IN_SPLITS,
        *_NOTE_EXPECTATIONS,
        ("ExpectColumnValuesToBeBetween", {"column": "track", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "part", "min_value": 0}),
        ("ExpectColumnValuesToBeBetween", {"column": "channel", "min_value": 0, "max_value": 15}),
        ("ExpectColumnValuesToBeBetween", {"column": "program", "min_value": 0, "max_value": 127}),
        ("ExpectColumnValuesToBeBetween", {"column": "onset_seconds", "min_value": 0}),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "duration_seconds", "min_value": 0, "strict_min": True},
        ),
        ("ExpectColumnValuesToBeBetween", {"column": "velocity", "min_value": 1, "max_value": 127}),
    ),
)

PIECES = Contract(
    pa.schema(
        [
            pa.field("piece_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("title", pa.string(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("licence", pa.string(), nullable=False),
            pa.field("tonic_pitch_class", pa.int32(), nullable=False),
            pa.field("mode", pa.string(), nullable=False),
            pa.field("metre", pa.string(), nullable=False),
            pa.field("metre_changes", pa.bool_(), nullable=False),
            pa.field("beats_per_bar", pa.float64(), nullable=False),
            pa.field("pickup_beats", pa.float64(), nullable=False),
            pa.field("tempo_bpm", pa.float64(), nullable=False),
            pa.field("length_beats", pa.float64(), nullable=False),
            pa.field("length_seconds", pa.float64(), nullable=False),
            pa.field("parts", pa.int32(), nullable=False),
            pa.field("repairs", pa.string(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "piece_id"}),
        _IN_SPLITS,
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "tonic_pitch_class", "min_value": 0, "max_value": 11},
        ),
        ("ExpectColumnValuesToBeInSet", {"column": "mode", "value_set": ["major", "minor"]}),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "beats_per_bar", "min_value": 0, "strict_min": True},
        ),
        ("ExpectColumnValuesToBeBetween", {"column": "pickup_beats", "min_value": 0}),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "tempo_bpm", "min_value": 0, "strict_min": True},
        ),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "length_beats", "min_value": 0, "strict_min": True},
        ),
        ("ExpectColumnValuesToBeBetween", {"column": "parts", "min_value": 1}),
    ),
)

# Generated notes have no tracks and no drums.
_PART = pa.field("part", pa.int32(), nullable=False)
_PART_EXPECTATION = ("ExpectColumnValuesToBeBetween", {"column": "part", "min_value": 1})

SAMPLES = Contract(
    pa.schema(
        [
            pa.field("passage", pa.int32(), nullable=False),
            pa.field("minor", pa.bool_(), nullable=False),
            _PART,
            *_NOTE_FIELDS,
        ]
    ),
    (
        ("ExpectColumnValuesToBeBetween", {"column": "passage", "min_value": 0}),
        _PART_EXPECTATION,
        *_NOTE_EXPECTATIONS,
    ),
)

COMPOSITION = Contract(pa.schema([_PART, *_NOTE_FIELDS]), (_PART_EXPECTATION, *_NOTE_EXPECTATIONS))

PROGRESS = Contract(
    pa.schema([pa.field("percent", pa.int32(), nullable=False), _PART, *_NOTE_FIELDS]),
    (
        ("ExpectColumnValuesToBeBetween", {"column": "percent", "min_value": 1, "max_value": 100}),
        _PART_EXPECTATION,
        *_NOTE_EXPECTATIONS,
    ),
    min_rows=0,
)

SOUNDS = Contract(
    pa.schema(
        [
            pa.field("sound_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("timbre", pa.string(), nullable=False),
            pa.field("is_new_timbre", pa.bool_(), nullable=False),
            pa.field("key", pa.int32(), nullable=False),
            pa.field("pitch_midi", pa.int32(), nullable=False),
            pa.field("velocity", pa.int32(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("flac", pa.large_binary(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "sound_id"}),
        _IN_SPLITS,
        ("ExpectColumnValuesToBeBetween", {"column": "key", "min_value": 0, "max_value": 127}),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "pitch_midi", "min_value": 0, "max_value": 127},
        ),
        ("ExpectColumnValuesToBeBetween", {"column": "velocity", "min_value": 1, "max_value": 127}),
    ),
)

# Sounds as FLAC after percentages of a training.
HEARD = Contract(
    pa.schema(
        [
            pa.field("percent", pa.int32(), nullable=False),
            pa.field("flac", pa.large_binary(), nullable=False),
        ]
    ),
    (("ExpectColumnValuesToBeBetween", {"column": "percent", "min_value": 1, "max_value": 100}),),
)

TIMBRES = Contract(
    pa.schema(
        [
            pa.field("timbre", pa.string(), nullable=False),
            pa.field("is_new_timbre", pa.bool_(), nullable=False),
            pa.field("error_db", pa.float64(), nullable=False),
            pa.field("latent", pa.list_(pa.float32()), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "timbre"}),
        ("ExpectColumnValuesToBeBetween", {"column": "error_db", "min_value": 0}),
    ),
)

# Sounds for the report: known timbres and their places on a map, steps between two of them, and
# new notes of the player, each followed by the nearest real one.
GALLERY = Contract(
    pa.schema(
        [
            pa.field("group", pa.string(), nullable=False),
            pa.field("name", pa.string(), nullable=False),
            pa.field("x", pa.float64(), nullable=False),
            pa.field("y", pa.float64(), nullable=False),
            pa.field("flac", pa.large_binary(), nullable=False),
        ]
    ),
    (
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "group", "value_set": ["timbre", "walk", "player", "nearest"]},
        ),
    ),
)
