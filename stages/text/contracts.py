"""The tables of the text room."""

import pyarrow as pa

from stages.contracts import Contract

SPLITS = ["train", "validation", "test"]

DOCUMENTS = Contract(
    "documents",
    pa.schema(
        [
            pa.field("doc_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
            pa.field("label", pa.string()),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "doc_id"}),
        ("ExpectColumnValuesToBeInSet", {"column": "split", "value_set": SPLITS}),
        ("ExpectColumnValuesToBeUnique", {"column": "text"}),
        ("ExpectColumnValueLengthsToBeBetween", {"column": "text", "min_value": 1}),
    ),
)

TOKENS = Contract(
    "tokens",
    pa.schema(
        [
            pa.field("doc_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("tokens", pa.list_(pa.string()), nullable=False),
            pa.field("label", pa.string()),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "doc_id"}),
        ("ExpectColumnValuesToBeInSet", {"column": "split", "value_set": SPLITS}),
        ("ExpectColumnValuesToBeBetween", {"column": "tokens.length", "min_value": 1}),
    ),
)

VOCABULARY = Contract(
    "vocabulary",
    pa.schema(
        [
            pa.field("token_id", pa.int32(), nullable=False),
            pa.field("token", pa.string(), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
            pa.field("document_count", pa.int64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeIncreasing", {"column": "token_id", "strictly": True}),
        ("ExpectColumnValuesToBeUnique", {"column": "token"}),
        ("ExpectColumnValueLengthsToBeBetween", {"column": "token", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "count", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "document_count", "min_value": 1}),
        (
            "ExpectColumnPairValuesAToBeGreaterThanB",
            {"column_A": "count", "column_B": "document_count", "or_equal": True},
        ),
    ),
)
