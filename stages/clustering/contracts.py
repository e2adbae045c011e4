"""The tables of the clustering room."""

import pyarrow as pa

from stages.core.contracts import Contract

POINTS = Contract(
    pa.schema(
        [
            pa.field("point", pa.string(), nullable=False),
            pa.field("label", pa.string()),
            pa.field("split", pa.string()),
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
            pa.field("embedding", pa.string(), nullable=False),
            pa.field("point", pa.string(), nullable=False),
            pa.field("cluster", pa.int32(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["embedding", "point"]}),
        # -1 is a point in no cluster.
        ("ExpectColumnValuesToBeBetween", {"column": "cluster", "min_value": -1}),
    ),
)

CLUSTERS = Contract(
    pa.schema(
        [
            pa.field("embedding", pa.string(), nullable=False),
            pa.field("cluster", pa.int32(), nullable=False),
            pa.field("size", pa.int64(), nullable=False),
            pa.field("central_words", pa.list_(pa.string()), nullable=False),
            pa.field("distinctive_words", pa.list_(pa.string()), nullable=False),
            pa.field("central_points", pa.list_(pa.string()), nullable=False),
            pa.field(
                "labels",
                pa.list_(pa.struct([("label", pa.string()), ("count", pa.int64())])),
                nullable=False,
            ),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["embedding", "cluster"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "size", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "central_words.length", "min_value": 1}),
    ),
    # A method that goes by density may leave all points in no cluster.
    min_rows=0,
)

DENDROGRAM = Contract(
    pa.schema(
        [
            pa.field("embedding", pa.string(), nullable=False),
            pa.field("node", pa.int32(), nullable=False),
            pa.field("parent", pa.int32()),
            pa.field("distance", pa.float64(), nullable=False),
            pa.field("size", pa.int64(), nullable=False),
            pa.field("central_words", pa.list_(pa.string()), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["embedding", "node"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "distance", "min_value": 0}),
        ("ExpectColumnValuesToBeBetween", {"column": "size", "min_value": 1}),
    ),
    min_rows=0,  # only agglomerative clustering has one
)

NEIGHBOUR_DISTANCES = Contract(
    pa.schema(
        [
            pa.field("embedding", pa.string(), nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("distance", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["embedding", "rank"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "distance", "min_value": 0}),
    ),
    min_rows=0,  # only DBSCAN has them
)

AGREEMENT = Contract(
    pa.schema(
        [
            pa.field("method", pa.string(), nullable=False),
            pa.field("embedding", pa.string(), nullable=False),
            pa.field("silhouette", pa.float64()),
            pa.field("adjusted_rand", pa.float64()),
            pa.field("validation", pa.float64()),
            pa.field("test", pa.float64()),
            pa.field("low", pa.float64()),
            pa.field("high", pa.float64()),
            pa.field("behind_low", pa.float64()),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["method", "embedding"]}),
        *(
            ("ExpectColumnValuesToBeBetween", {"column": column, "min_value": -1, "max_value": 1})
            for column in ("silhouette", "adjusted_rand", "validation", "test", "low", "high")
        ),
    ),
    min_rows=0,
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
        ("ExpectColumnValuesToBeBetween", {"column": "x", "min_value": -1e6, "max_value": 1e6}),
        ("ExpectColumnValuesToBeBetween", {"column": "y", "min_value": -1e6, "max_value": 1e6}),
    ),
)

EXPLAINED_VARIANCE = Contract(
    pa.schema(
        [
            pa.field("component", pa.int32(), nullable=False),
            pa.field("share", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeIncreasing", {"column": "component", "strictly": True}),
        ("ExpectColumnValuesToBeBetween", {"column": "share", "min_value": 0, "max_value": 1}),
    ),
)

CIRCLE_STEPS = Contract(
    pa.schema(
        [
            pa.field("step", pa.string(), nullable=False),
            pa.field("point", pa.string(), nullable=False),
            pa.field("x", pa.float64(), nullable=False),
            pa.field("y", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["step", "point"]}),
        # The longer axis of the ellipse is at most twice the radius of the circle.
        ("ExpectColumnValuesToBeBetween", {"column": "x", "min_value": -2.01, "max_value": 2.01}),
        ("ExpectColumnValuesToBeBetween", {"column": "y", "min_value": -2.01, "max_value": 2.01}),
    ),
)

KMEANS_STEPS = Contract(
    pa.schema(
        [
            pa.field("step", pa.int32(), nullable=False),
            pa.field("phase", pa.string(), nullable=False),
            pa.field("objective", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["step", "phase"]}),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "phase", "value_set": ["expectation", "maximization"]},
        ),
        ("ExpectColumnValuesToBeBetween", {"column": "objective", "min_value": 0}),
    ),
)

KMEANS_STEP_POINTS = Contract(
    pa.schema(
        [
            pa.field("step", pa.int32(), nullable=False),
            pa.field("point", pa.string(), nullable=False),
            pa.field("cluster", pa.int32(), nullable=False),
            pa.field("x", pa.float64(), nullable=False),
            pa.field("y", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["step", "point"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "cluster", "min_value": 0}),
    ),
)

KMEANS_STEP_CENTRES = Contract(
    pa.schema(
        [
            pa.field("step", pa.int32(), nullable=False),
            pa.field("cluster", pa.int32(), nullable=False),
            pa.field("x", pa.float64(), nullable=False),
            pa.field("y", pa.float64(), nullable=False),
        ]
    ),
    (("ExpectCompoundColumnsToBeUnique", {"column_list": ["step", "cluster"]}),),
)

KMEANS_STARTS = Contract(
    pa.schema(
        [
            pa.field("start", pa.string(), nullable=False),
            pa.field("run", pa.int32(), nullable=False),
            pa.field("objective", pa.float64(), nullable=False),
            pa.field("steps", pa.int32(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["start", "run"]}),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "start", "value_set": ["random", "k-means++"]},
        ),
        ("ExpectColumnValuesToBeBetween", {"column": "objective", "min_value": 0}),
        ("ExpectColumnValuesToBeBetween", {"column": "steps", "min_value": 1}),
    ),
)

ITEMSETS = Contract(
    pa.schema(
        [
            pa.field("words", pa.list_(pa.string()), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeBetween", {"column": "words.length", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "count", "min_value": 1}),
    ),
    min_rows=0,
)

_SHARE = {"min_value": 0, "max_value": 1}
RULES = Contract(
    pa.schema(
        [
            pa.field("antecedent", pa.list_(pa.string()), nullable=False),
            pa.field("consequent", pa.list_(pa.string()), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
            pa.field("support", pa.float64(), nullable=False),
            pa.field("confidence", pa.float64(), nullable=False),
            pa.field("confidence_low", pa.float64(), nullable=False),
            pa.field("confidence_high", pa.float64(), nullable=False),
            pa.field("lift", pa.float64(), nullable=False),
            pa.field("leverage", pa.float64(), nullable=False),
            pa.field("q_value", pa.float64(), nullable=False),
            pa.field("test_antecedent_count", pa.int64(), nullable=False),
            pa.field("test_count", pa.int64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeBetween", {"column": "count", "min_value": 1}),
        *(
            ("ExpectColumnValuesToBeBetween", {"column": column, **_SHARE})
            for column in ("support", "confidence", "confidence_low", "confidence_high", "q_value")
        ),
        ("ExpectColumnValuesToBeBetween", {"column": "lift", "min_value": 0}),
        ("ExpectColumnValuesToBeBetween", {"column": "leverage", "min_value": -1, "max_value": 1}),
        ("ExpectColumnPairValuesAToBeGreaterThanB",
         {"column_A": "test_antecedent_count", "column_B": "test_count", "or_equal": True}),
    ),
    min_rows=0,
)  # fmt: skip

PREDICTIONS = Contract(
    pa.schema(
        [
            pa.field("point", pa.string(), nullable=False),
            pa.field("truth", pa.string(), nullable=False),
            pa.field("prediction", pa.string(), nullable=False),
        ]
    ),
    (("ExpectColumnValuesToBeUnique", {"column": "point"}),),
    min_rows=0,  # without labels
)

CHOICES = Contract(
    pa.schema(
        [
            pa.field("candidate", pa.int32(), nullable=False),
            pa.field("parameter", pa.string(), nullable=False),
            pa.field("value", pa.float64(), nullable=False),
            pa.field("validation_accuracy", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["candidate", "parameter"]}),
        ("ExpectColumnValuesToBeBetween", {"column": "validation_accuracy", **_SHARE}),
    ),
    min_rows=0,
)

TREE = Contract(
    pa.schema(
        [
            pa.field("node", pa.int32(), nullable=False),
            pa.field("parent", pa.int32()),
            pa.field("contains", pa.bool_()),
            pa.field("word", pa.string()),
            pa.field("threshold", pa.float64()),
            pa.field("documents", pa.int64(), nullable=False),
            pa.field("label", pa.string(), nullable=False),
            pa.field("share", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "node"}),
        ("ExpectColumnValuesToBeBetween", {"column": "documents", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "share", **_SHARE}),
    ),
    min_rows=0,  # only decision trees have one
)

LEARNER_COMPARISON = Contract(
    pa.schema(
        [
            pa.field("learner", pa.string(), nullable=False),
            pa.field("validation", pa.float64(), nullable=False),
            pa.field("accuracy", pa.float64(), nullable=False),
            pa.field("behind", pa.float64(), nullable=False),
            pa.field("behind_low", pa.float64(), nullable=False),
            pa.field("behind_high", pa.float64(), nullable=False),
            pa.field("p_value", pa.float64(), nullable=False),
            pa.field("above_majority_low", pa.float64(), nullable=False),
        ]
    ),
    (
        ("ExpectColumnValuesToBeUnique", {"column": "learner"}),
        *(
            ("ExpectColumnValuesToBeBetween", {"column": column, **_SHARE})
            for column in ("validation", "accuracy", "p_value")
        ),
        *(
            ("ExpectColumnValuesToBeBetween", {"column": column, "min_value": -1, "max_value": 1})
            for column in ("behind", "behind_low", "behind_high", "above_majority_low")
        ),
    ),
    min_rows=0,
)

REGIONS = Contract(
    pa.schema(
        [
            pa.field("learner", pa.string(), nullable=False),
            pa.field("x", pa.float64(), nullable=False),
            pa.field("y", pa.float64(), nullable=False),
            pa.field("label", pa.string(), nullable=False),
        ]
    ),
    (("ExpectCompoundColumnsToBeUnique", {"column_list": ["learner", "x", "y"]}),),
    min_rows=0,
)

PLANE = Contract(
    pa.schema(
        [
            pa.field("point", pa.string(), nullable=False),
            pa.field("x", pa.float64(), nullable=False),
            pa.field("y", pa.float64(), nullable=False),
            pa.field("label", pa.string(), nullable=False),
        ]
    ),
    (("ExpectColumnValuesToBeUnique", {"column": "point"}),),
    min_rows=0,
)

NUMBERS = Contract(
    pa.schema(
        [
            pa.field("point", pa.string(), nullable=False),
            pa.field("truth", pa.float64(), nullable=False),
            pa.field("prediction", pa.float64(), nullable=False),
        ]
    ),
    (("ExpectColumnValuesToBeUnique", {"column": "point"}),),
    min_rows=0,  # without a test split
)
