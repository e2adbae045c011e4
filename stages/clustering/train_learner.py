"""Train one classifier of documents on their vectors; the kind of classifier is a parameter."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.tree import DecisionTreeClassifier

from stages.clustering.contracts import CHOICES, PREDICTIONS, TREE
from stages.clustering.learners.documents import by_split, weigh_words, why_unscored
from stages.clustering.learners.methods import LEARNERS, fit, load_params
from stages.clustering.points import read
from stages.core.accuracy import scores
from stages.core.command import Input, command
from stages.core.outputs import Output, Table
from stages.core.params import Kind
from stages.core.progress import progress
from stages.metrics.train_learner import LearnerMetrics, TrainLearnerMetrics

# Levels of the tree that the report draws.
LEVELS = 4


def check(*, params: Kind) -> None:
    """Check the parameters for the kind of classifier."""
    load_params(params.section)


def top_of(model: DecisionTreeClassifier, words: np.ndarray) -> pd.DataFrame:
    """Return the top of a decision tree: the table `tree`.

    Args:
        model: the tree, fitted on TF-IDF.
        words: the words, (words,).
    """
    tree = model.tree_
    rows = []

    def visit(node: int, parent: int | None, contains: bool | None, level: int) -> None:
        shares = tree.value[node, 0]
        best = int(np.argmax(shares))
        asks = tree.children_left[node] >= 0 and level < LEVELS
        rows.append(
            {
                "node": node,
                "parent": parent,
                "contains": contains,
                "word": str(words[tree.feature[node]]) if asks else None,
                "threshold": float(tree.threshold[node]) if asks else None,
                "documents": int(tree.n_node_samples[node]),
                "label": str(model.classes_[best]),
                "share": float(shares[best] / shares.sum()),
            }
        )
        if asks:
            visit(int(tree.children_left[node]), node, False, level + 1)
            visit(int(tree.children_right[node]), node, True, level + 1)

    visit(0, None, None, 1)
    return pd.DataFrame(rows)


@command
def main(
    *,
    params: Kind,
    points: Input,
    tokens: Input,
    predictions: Table[PREDICTIONS],
    choices: Table[CHOICES],
    tree: Table[TREE],
    metrics: Output,
) -> None:
    """Train one classifier of documents on their vectors, and score it on the test split.

    Args:
        points: points table of the documents
        tokens: tokens of the documents, which decision trees ask about
    """
    own = load_params(params.section)
    learner = LEARNERS[own.kind]
    documents = by_split(read(points))
    labels = {split: of_split.labels for split, of_split in documents.items()}
    known, counts = np.unique(labels["train"], return_counts=True)
    facts = {
        "kind": own.kind,
        "documents": {split: len(of_split) for split, of_split in labels.items()},
        "labels": len(known),
        "unseen": (~np.isin(labels["test"], known)).sum(),
        "majority": str(known[counts.argmax()]) if len(known) else None,
    }
    rows: dict[Table, pd.DataFrame] = {
        table: table.schema.empty_table().to_pandas() for table in (predictions, choices, tree)
    }
    if unscored := why_unscored(documents):
        metrics.write_json(TrainLearnerMetrics(**facts, learner=None, unscored=unscored))
    else:
        features: dict[str, Any] = {split: part.vectors for split, part in documents.items()}
        if learner.reads_words:
            words, features = weigh_words(tokens, documents, own.min_documents)
        fitted_rows = own.fitted(len(labels["train"]))
        accuracies, models = [], []
        candidates = own.candidates(len(fitted_rows))
        for candidate in progress(candidates, "candidates", len(candidates)):
            model = learner.build(own, candidate)
            converged = fit(model, features["train"][fitted_rows], labels["train"][fitted_rows])
            accuracies.append(model.score(features["validation"], labels["validation"]))
            models.append((model, converged))
        # Of equally good candidates the first.
        best = int(np.argmax(accuracies))
        model, converged = models[best]
        guesses = model.predict(features["test"])
        rows[predictions] = pd.DataFrame(
            {"point": documents["test"].names, "truth": labels["test"], "prediction": guesses}
        )
        rows[choices] = pd.DataFrame(
            [
                (number, name, value, accuracy)
                for number, (candidate, accuracy) in enumerate(
                    zip(candidates, accuracies, strict=True)
                )
                for name, value in candidate.items()
            ],
            columns=choices.schema.names,
        )
        if learner.reads_words:
            rows[tree] = top_of(model, words)
        metrics.write_json(
            TrainLearnerMetrics(
                **facts,
                learner=LearnerMetrics(
                    **scores(labels["test"].tolist(), guesses.tolist()),
                    chosen=candidates[best],
                    validation_accuracy=accuracies[best],
                    converged=converged,
                    fitted_documents=len(fitted_rows),
                    cost=learner.cost(model),
                ),
            )
        )
    for table, frame in rows.items():
        table.write(pa.Table.from_pandas(frame, table.schema, preserve_index=False))
