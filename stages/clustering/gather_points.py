"""Gather what is clustered: the most frequent words, and the documents as averages of theirs."""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from pydantic import Field
from sklearn.preprocessing import normalize

from stages.clustering.contracts import POINTS
from stages.clustering.points import Points
from stages.errors import StageError
from stages.outputs import Outputs
from stages.params import Params, load
from stages.vectors import to_array


class GatherParams(Params):
    """The section `clustering.gather_points`."""

    words: int = Field(ge=2)
    skip_words: int = Field(ge=0)
    smoothing: float = Field(gt=0)


def average_documents(
    documents: Iterable[list[str]],
    row_of: dict[str, int],
    vectors: np.ndarray,
    probabilities: np.ndarray,
    smoothing: float,
) -> np.ndarray:
    """Return a vector per document, of shape (documents, dimensions); zeros without known words.

    A document is the average of its words' vectors, each weighted by a / (a + p) for a word of
    probability p, less the mean of all documents: the smooth inverse frequency of Arora, Liang
    and Ma 2017, algorithm 1, with the mean in the place of the first principal component.

    Args:
        documents: the tokens of each.
        row_of: the row of each word in `vectors`.
        vectors: of shape (words, dimensions).
        probabilities: of shape (words,).
        smoothing: the constant a.
    """
    weighted = vectors * (smoothing / (smoothing + probabilities))[:, np.newaxis]
    averages = []
    for tokens in documents:
        rows = [row_of[token] for token in tokens if token in row_of]
        averages.append(weighted[rows].mean(axis=0) if rows else np.zeros(vectors.shape[1]))
    matrix = np.array(averages)
    known = matrix.any(axis=1)
    matrix[known] -= matrix[known].mean(axis=0)
    return matrix


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, gather, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("words", type=Path)
    parser.add_argument("documents", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, GatherParams)

    table = pq.read_table(args.vectors)
    words = table["token"].to_pylist()
    counts = table["count"].to_numpy()
    vectors = to_array(table["vector"])
    if len(words) <= params.skip_words:
        raise StageError(
            f"{args.vectors} has {len(words)} words, none of which is left after skipping "
            f"{params.skip_words}: lower {args.params}.skip_words or bring more text"
        )
    chosen = slice(params.skip_words, params.skip_words + params.words)
    word_points = Points(words[chosen], [None] * len(words[chosen]), normalize(vectors[chosen]))

    rows = pq.read_table(args.tokens, columns=["doc_id", "tokens", "label"])
    averages = average_documents(
        rows["tokens"].to_pylist(),
        {word: row for row, word in enumerate(words)},
        vectors,
        counts / counts.sum(),
        params.smoothing,
    )
    known = averages.any(axis=1)
    names, labels = rows["doc_id"].to_pylist(), rows["label"].to_pylist()
    document_points = Points(
        [name for name, keep in zip(names, known, strict=True) if keep],
        [label for label, keep in zip(labels, known, strict=True) if keep],
        normalize(averages[known]),
    )
    with Outputs(args.validation) as outputs:
        outputs.table(args.words, POINTS, word_points.to_table())
        outputs.table(args.documents, POINTS, document_points.to_table())
        outputs.json(
            args.metrics,
            {
                "words": len(word_points.names),
                "documents": len(document_points.names),
                "dropped": {"no_known_word": int((~known).sum())},
            },
        )
