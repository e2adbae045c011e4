"""Contracts of the tables of the text room."""

import pyarrow as pa

from stages.core.contracts import Contract

SPLITS = ["train", "validation", "test"]
# Replacements of addresses and numbers in texts.
PLACEHOLDERS = {"urls": "<url>", "emails": "<email>", "numbers": "<number>"}

DOCUMENTS = Contract(
    pa.schema(
        [
            pa.field("doc_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("text", pa.large_string(), nullable=False),
            pa.field("label", pa.string()),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "doc_id"}),
        ("ExpectColumnValuesToBeInSet", {"column": "split", "value_set": SPLITS}),
        ("ExpectColumnValuesToBeBetween", {"column": "text.length", "min_value": 1}),
    ),
)

TOKENS = Contract(
    pa.schema(
        [
            pa.field("doc_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("tokens", pa.list_(pa.string()), nullable=False),
            # Number of tokens of each sentence; the sum is the number of tokens.
            pa.field("sentence_lengths", pa.list_(pa.int32()), nullable=False),
            pa.field("label", pa.string()),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "doc_id"}),
        ("ExpectColumnValuesToBeInSet", {"column": "split", "value_set": SPLITS}),
        ("ExpectColumnValuesToBeBetween", {"column": "tokens.length", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "sentence_lengths.length", "min_value": 1}),
    ),
)

VOCABULARY = Contract(
    pa.schema(
        [
            pa.field("token_id", pa.int32(), nullable=False),
            pa.field("token", pa.string(), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
            # Null for <unk>, whose documents are not counted.
            pa.field("document_count", pa.int64()),
        ]
    ),
    (
        ("ExpectColumnValuesToBeIncreasing", {"column": "token_id", "strictly": True}),
        ("ExpectColumnValuesToBeUnique", {"column": "token"}),
        ("ExpectColumnValueLengthsToBeBetween", {"column": "token", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "count", "min_value": 0}),
        ("ExpectColumnValuesToBeBetween", {"column": "document_count", "min_value": 1}),
        (
            "ExpectColumnPairValuesAToBeGreaterThanB",
            {
                "column_A": "count",
                "column_B": "document_count",
                "or_equal": True,
                "ignore_row_if": "either_value_is_missing",
            },
        ),
    ),
    min_rows=4,
)

LENGTHS = Contract(
    pa.schema(
        [
            pa.field("split", pa.string(), nullable=False),
            pa.field("tokens", pa.int64(), nullable=False),
            pa.field("documents", pa.int64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeInSet", {"column": "split", "value_set": SPLITS}),
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["split", "tokens"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "tokens", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "documents", "min_value": 1}),
    ),
)

GROWTH = Contract(
    pa.schema(
        [
            pa.field("tokens", pa.int64(), nullable=False),
            pa.field("types", pa.int64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeIncreasing", {"column": "tokens", "strictly": True}),
        ("ExpectColumnValuesToBeIncreasing", {"column": "types", "strictly": False}),
        (
            "ExpectColumnPairValuesAToBeGreaterThanB",
            {"column_A": "tokens", "column_B": "types", "or_equal": True},
        ),
    ),
)

LABEL_WORDS = Contract(
    pa.schema(
        [
            pa.field("label", pa.string(), nullable=False),
            pa.field("token", pa.string(), nullable=False),
            # Log-odds ratio to the other labels, in standard errors.
            pa.field("score", pa.float64(), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["label", "token"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "score", "min_value": 0}),
        ("ExpectColumnValuesToBeBetween", {"column": "count", "min_value": 1}),
    ),
    min_rows=0,
)

EXAMPLES = Contract(
    pa.schema(
        [
            pa.field("doc_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
            pa.field("tokens", pa.list_(pa.string()), nullable=False),
            pa.field("sentence_lengths", pa.list_(pa.int32()), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "doc_id"}),
        ("ExpectColumnValuesToBeInSet", {"column": "split", "value_set": SPLITS}),
    ),
    min_rows=0,
)
