"""The labelled documents of each split, as vectors and as TF-IDF."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer

from stages.clustering.points import Points

SPLITS = ("train", "validation", "test")


class Documents(NamedTuple):
    """The labelled documents of a split.

    Attributes:
        names: ids of the documents.
        vectors: their vectors, (documents, dimensions).
        labels: their labels, (documents,).
    """

    names: list[str]
    vectors: np.ndarray
    labels: np.ndarray


def by_split(points: Points) -> dict[str, Documents]:
    """Return the points that have a label, for each split."""
    documents = {}
    for split in SPLITS:
        rows = [
            row
            for row, (label, own) in enumerate(zip(points.labels, points.splits, strict=True))
            if label is not None and own == split
        ]
        documents[split] = Documents(
            [points.names[row] for row in rows],
            points.vectors[rows].astype(np.float64),
            np.array([points.labels[row] for row in rows], dtype=str),
        )
    return documents


def why_unscored(documents: dict[str, Documents]) -> str | None:
    """Return why no learner can be trained and scored; None if one can."""
    labels = set(documents["train"].labels)
    if not any(len(own.labels) for own in documents.values()):
        return "the corpus has no labels"
    if len(labels) < 2:
        return f"the training split has {len(labels)} of the at least two labels that it needs"
    for split in SPLITS[1:]:
        if not len(documents[split].labels):
            return f"the {split} split has no labelled document"
    return None


class WordWeights(NamedTuple):
    """TF-IDF of the labelled documents.

    Attributes:
        words: the words, (words,).
        weights: TF-IDF for each split, (documents, words).
    """

    words: np.ndarray
    weights: dict[str, csr_array]


def weigh_words(tokens: Path, documents: dict[str, Documents], min_documents: int) -> WordWeights:
    """Return the TF-IDF of documents, with 1 + log of the counts, fitted on the training split.

    Args:
        tokens: table of that name.
        documents: the documents of each split.
        min_documents: fewest training documents that contain a word; it is lowered if no word is
            in as many.
    """
    table = pq.read_table(tokens, columns=["doc_id", "tokens"])
    tokens_of = dict(zip(table["doc_id"].to_pylist(), table["tokens"].to_pylist(), strict=True))
    texts = {split: [tokens_of[name] for name in own.names] for split, own in documents.items()}
    documents_with = Counter(word for text in texts["train"] for word in set(text))
    vectorizer = TfidfVectorizer(
        analyzer=list,
        sublinear_tf=True,
        min_df=min(min_documents, max(documents_with.values())),
    )
    vectorizer.fit(texts["train"])
    weights = {split: csr_array(vectorizer.transform(own)) for split, own in texts.items()}
    return WordWeights(vectorizer.get_feature_names_out(), weights)
