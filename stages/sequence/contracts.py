"""The tables of the sequence room."""

import pyarrow as pa

from stages.core.contracts import Contract

PARAGRAPHS = Contract(
    pa.schema(
        [
            pa.field("temperature", pa.float64(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "temperature"}),
        ("ExpectColumnValuesToBeBetween", {"column": "temperature", "min_value": 0}),
    ),
)

SENTENCES = Contract(
    pa.schema(
        [
            pa.field("surprise", pa.string(), nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
            pa.field("nats_per_word", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeInSet", {"column": "surprise", "value_set": ["most", "least"]}),
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["surprise", "rank"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "rank", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "nats_per_word", "min_value": 0}),
    ),
    min_rows=0,
)

GRADIENTS = Contract(
    pa.schema(
        [
            pa.field("gap", pa.int64(), nullable=False),
            pa.field("training", pa.string(), nullable=False),
            # Counted from the last step, which is 0.
            pa.field("steps_back", pa.int64(), nullable=False),
            pa.field("gradient_norm", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeInSet", {"column": "training", "value_set": ["before", "after"]}),
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["gap", "training", "steps_back"]}),
        ("ExpectColumnPairValuesAToBeGreaterThanB", {"column_A": "gap", "column_B": "steps_back"}),
        ("ExpectColumnValuesToBeBetween", {"column": "gradient_norm", "min_value": 0}),
    ),
)

CONFUSION = Contract(
    pa.schema(
        [
            pa.field("truth", pa.string(), nullable=False),
            pa.field("prediction", pa.string(), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["truth", "prediction"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "count", "min_value": 1}),
    ),
    # Empty for a corpus without labels.
    min_rows=0,
)

ATTRIBUTIONS = Contract(
    pa.schema(
        [
            pa.field("doc_id", pa.string(), nullable=False),
            pa.field("excerpt", pa.string(), nullable=False),
            pa.field("label", pa.string(), nullable=False),
            pa.field("prediction", pa.string(), nullable=False),
            pa.field("probability", pa.float64(), nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("token", pa.string(), nullable=False),
            # Fall of the log-odds of the prediction when the token is removed, in nats.
            pa.field("change", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["doc_id", "rank"]}),
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["doc_id", "token"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "rank", "min_value": 1}),
        (
            # Rounding can take a softmax slightly above 1.
            "ExpectColumnValuesToBeBetween",
            {"column": "probability", "min_value": 0, "max_value": 1.000001},
        ),
    ),
    min_rows=0,
)
