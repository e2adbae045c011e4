"""The tables of the music room."""

import pyarrow as pa

from stages.core.contracts import Contract

SPLITS = ["train", "validation", "test"]

_NOTE_FIELDS = [
    pa.field("part", pa.int32(), nullable=False),
    pa.field("onset_beats", pa.float64(), nullable=False),
    pa.field("duration_beats", pa.float64(), nullable=False),
    pa.field("pitch_midi", pa.int32(), nullable=False),
]
_NOTE_EXPECTATIONS = (
    ("ExpectColumnValuesToBeBetween", {"column": "part", "min_value": 1}),
    ("ExpectColumnValuesToBeBetween", {"column": "onset_beats", "min_value": 0}),
    ("ExpectColumnValuesToBeBetween", {"column": "duration_beats", "min_value": 0.001}),
    ("ExpectColumnValuesToBeBetween", {"column": "pitch_midi", "min_value": 0, "max_value": 127}),
)

NOTES = Contract(
    pa.schema(
        [
            pa.field("piece_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            *_NOTE_FIELDS,
        ]
    ),
    (
        ("ExpectColumnValuesToBeInSet", {"column": "split", "value_set": SPLITS}),
        *_NOTE_EXPECTATIONS,
    ),
)

PIECES = Contract(
    pa.schema(
        [
            pa.field("piece_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("beats_per_bar", pa.float64(), nullable=False),
            pa.field("pickup_beats", pa.float64(), nullable=False),
            pa.field("tonic_pitch_class", pa.int32(), nullable=False),
            pa.field("mode", pa.string(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "piece_id"}),
        ("ExpectColumnValuesToBeInSet", {"column": "split", "value_set": SPLITS}),
        ("ExpectColumnValuesToBeBetween", {"column": "beats_per_bar", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "pickup_beats", "min_value": 0}),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "tonic_pitch_class", "min_value": 0, "max_value": 11},
        ),
        ("ExpectColumnValuesToBeInSet", {"column": "mode", "value_set": ["major", "minor"]}),
    ),
)

SAMPLES = Contract(
    pa.schema(
        [
            pa.field("passage", pa.int32(), nullable=False),
            pa.field("minor", pa.bool_(), nullable=False),
            *_NOTE_FIELDS,
        ]
    ),
    (
        ("ExpectColumnValuesToBeBetween", {"column": "passage", "min_value": 0}),
        *_NOTE_EXPECTATIONS,
    ),
)

COMPOSITION = Contract(pa.schema(_NOTE_FIELDS), _NOTE_EXPECTATIONS)

PROGRESS = Contract(
    pa.schema([pa.field("percent", pa.int32(), nullable=False), *_NOTE_FIELDS]),
    (
        ("ExpectColumnValuesToBeBetween", {"column": "percent", "min_value": 1, "max_value": 100}),
        *_NOTE_EXPECTATIONS,
    ),
    min_rows=0,
)
