"""The tables of the embedding room."""

import pyarrow as pa

from stages.contracts import Contract

VECTORS = Contract(
    "vectors",
    pa.schema(
        [
            pa.field("token", pa.string(), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
            pa.field("vector", pa.list_(pa.float32()), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "token"}),
        ("ExpectColumnValuesToBeBetween", {"column": "count", "min_value": 1}),
        ("ExpectColumnUniqueValueCountToBeBetween", {"column": "vector.length", "max_value": 1}),
    ),
)

NEIGHBOURS = Contract(
    "neighbours",
    pa.schema(
        [
            pa.field("token", pa.string(), nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("neighbour", pa.string(), nullable=False),
            pa.field("cosine_similarity", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["token", "rank"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "rank", "min_value": 1}),
        (
            # A cosine of float32 vectors may pass 1 by its rounding.
            "ExpectColumnValuesToBeBetween",
            {"column": "cosine_similarity", "min_value": -1.000001, "max_value": 1.000001},
        ),
    ),
    min_rows=0,
)
