"""The tables of the embedding room."""

import pyarrow as pa

from stages.core.contracts import Contract

MEASURES = SPEARMAN, ACCURACY = ["spearman", "accuracy"]

VECTORS = Contract(
    pa.schema(
        [
            pa.field("token", pa.string(), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
            pa.field("vector", pa.list_(pa.float32()), nullable=False),
            # Of a sparse model, where the numbers of the vector stand; the others are zero.
            pa.field("indices", pa.list_(pa.int32())),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "token"}),
        ("ExpectColumnValuesToBeBetween", {"column": "count", "min_value": 1}),
        ("ExpectColumnUniqueValueCountToBeBetween", {"column": "vector.length", "max_value": 1}),
    ),
)

_RANK = ("ExpectColumnValuesToBeBetween", {"column": "rank", "min_value": 1})
# A cosine of float32 vectors may pass 1 by its rounding.
_COSINE = (
    "ExpectColumnValuesToBeBetween",
    {"column": "cosine_similarity", "min_value": -1.000001, "max_value": 1.000001},
)

NEIGHBOURS = Contract(
    pa.schema(
        [
            pa.field("token", pa.string(), nullable=False),
            # Whether the training text has the word; if not, its vector is made of its n-grams.
            pa.field("seen", pa.bool_(), nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("neighbour", pa.string(), nullable=False),
            pa.field("cosine_similarity", pa.float64(), nullable=False),
        ]
    ),
    (("ExpectCompoundColumnsToBeUnique", {"column_list": ["token", "rank"]}), _RANK, _COSINE),
    min_rows=0,
)

VECTOR_ARITHMETIC = Contract(
    pa.schema(
        [
            pa.field("expression", pa.string(), nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("token", pa.string(), nullable=False),
            pa.field("cosine_similarity", pa.float64(), nullable=False),
        ]
    ),
    (("ExpectCompoundColumnsToBeUnique", {"column_list": ["expression", "rank"]}), _RANK, _COSINE),
    min_rows=0,
)

CLOZE = Contract(
    pa.schema(
        [
            pa.field("sentence", pa.string(), nullable=False),
            pa.field("answer", pa.string(), nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("guess", pa.string(), nullable=False),
        ]
    ),
    (_RANK,),
    min_rows=0,
)

CONTEXT_WORDS = Contract(
    pa.schema(
        [
            pa.field("token", pa.string(), nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("neighbour", pa.string(), nullable=False),
            pa.field("probability", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["token", "rank"]}),
        _RANK,
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "probability", "min_value": 0, "max_value": 1},
        ),
    ),
    min_rows=0,
)

# What each test asked, what was right and what the model said.
ITEM_SCORES = Contract(
    pa.schema(
        [
            pa.field("test", pa.string(), nullable=False),
            pa.field("measure", pa.string(), nullable=False),
            pa.field("part", pa.string(), nullable=False),
            pa.field("item", pa.string(), nullable=False),
            # Of similarity, the score that people gave; otherwise 1.
            pa.field("target", pa.float64(), nullable=False),
            # Of similarity, the cosine; otherwise the chance to be right, 1 or 0 but for ties.
            pa.field("prediction", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["test", "part", "item"]}),
        ("ExpectColumnValuesToBeInSet", {"column": "measure", "value_set": MEASURES}),
    ),
    min_rows=0,
)

MAP = Contract(
    pa.schema(
        [
            pa.field("token", pa.string(), nullable=False),
            pa.field("x", pa.float64(), nullable=False),
            pa.field("y", pa.float64(), nullable=False),
        ]
    ),
    (("ExpectColumnValuesToBeUnique", {"column": "token"}),),
    min_rows=0,
)

GLOVE_FIT = Contract(
    pa.schema(
        [
            pa.field("token", pa.string(), nullable=False),
            pa.field("neighbour", pa.string(), nullable=False),
            pa.field("log_count", pa.float64(), nullable=False),
            # Of the vectors, with their biases.
            pa.field("dot_product", pa.float64(), nullable=False),
        ]
    ),
    (("ExpectCompoundColumnsToBeUnique", {"column_list": ["token", "neighbour"]}),),
    min_rows=0,
)

COMPARISON = Contract(
    pa.schema(
        [
            pa.field("test", pa.string(), nullable=False),
            pa.field("model", pa.string(), nullable=False),
            pa.field("items", pa.int64(), nullable=False),
            # Null where it is not defined.
            pa.field("score", pa.float64()),
            pa.field("low", pa.float64()),
            pa.field("high", pa.float64()),
            # How far the score is behind the best one, and the upper end of its interval.
            pa.field("behind", pa.float64()),
            pa.field("behind_low", pa.float64()),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["test", "model"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "score", "min_value": -1, "max_value": 1}),
    ),
    min_rows=0,
)
