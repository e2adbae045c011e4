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
            # Of a sparse model only: dimensions of the values in `vector`; the others are zero.
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
# Rounding can take a cosine of float32 vectors above 1.
_COSINE = (
    "ExpectColumnValuesToBeBetween",
    {"column": "cosine_similarity", "min_value": -1.000001, "max_value": 1.000001},
)

NEIGHBOURS = Contract(
    pa.schema(
        [
            pa.field("token", pa.string(), nullable=False),
            # Whether the training text contains the word; if not, its vector comes from n-grams.
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

# Each item of each test, with the right answer and the model's answer.
ITEM_SCORES = Contract(
    pa.schema(
        [
            pa.field("test", pa.string(), nullable=False),
            pa.field("measure", pa.string(), nullable=False),
            pa.field("part", pa.string(), nullable=False),
            pa.field("item", pa.string(), nullable=False),
            # Similarity: the score that people gave. Other tests: 1.
            pa.field("target", pa.float64(), nullable=False),
            # Similarity: the cosine. Other tests: the probability of a right answer, which lies
            # between 0 and 1 only if there are ties.
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
            # Dot product of the vectors plus their biases.
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
            # Null if the score is undefined, for instance for too few items.
            pa.field("score", pa.float64()),
            pa.field("low", pa.float64()),
            pa.field("high", pa.float64()),
            # Difference from the best score, and the lower end of its interval.
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
