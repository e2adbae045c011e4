"""The tables of the clustering room."""

import pyarrow as pa

from stages.core.contracts import Contract

POINTS = Contract(
    pa.schema(
        [
            pa.field("point", pa.string(), nullable=False),
            pa.field("label", pa.string()),
            pa.field("vector", pa.list_(pa.float32()), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "point"}),
        ("ExpectColumnUniqueValueCountToBeBetween", {"column": "vector.length", "max_value": 1}),
    ),
)

MEMBERS = Contract(
    pa.schema(
        [
            pa.field("point", pa.string(), nullable=False),
            pa.field("cluster", pa.int32(), nullable=False),
            pa.field("distance", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "point"}),
        ("ExpectColumnValuesToBeBetween", {"column": "cluster", "min_value": 0}),
        ("ExpectColumnValuesToBeBetween", {"column": "distance", "min_value": 0}),
    ),
)

CLUSTERS = Contract(
    pa.schema(
        [
            pa.field("cluster", pa.int32(), nullable=False),
            pa.field("size", pa.int64(), nullable=False),
            pa.field("name", pa.string(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeIncreasing", {"column": "cluster", "strictly": True}),
        ("ExpectColumnValuesToBeBetween", {"column": "size", "min_value": 1}),
        ("ExpectColumnValueLengthsToBeBetween", {"column": "name", "min_value": 1}),
    ),
)

PROJECTION = Contract(
    pa.schema(
        [
            pa.field("point", pa.string(), nullable=False),
            pa.field("method", pa.string(), nullable=False),
            pa.field("x", pa.float64(), nullable=False),
            pa.field("y", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["point", "method"]}),
        ("ExpectColumnValuesToBeInSet", {"column": "method", "value_set": ["pca", "tsne"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "x", "min_value": -1e6, "max_value": 1e6}),
        ("ExpectColumnValuesToBeBetween", {"column": "y", "min_value": -1e6, "max_value": 1e6}),
    ),
)
