"""Classify documents by majority and by TF-IDF: what a recurrent model has to beat."""

import argparse
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from stages.core.outputs import Outputs
from stages.core.params import Params, load
from stages.core.progress import progress
from stages.sequence.classification import scores
from stages.sequence.documents import Documents, read_labelled, why_unscored


class BaselineParams(Params):
    """The section `sequence.document_baselines`."""

    c: list[Annotated[float, Field(gt=0)]] = Field(min_length=1)


def majority(splits: dict[str, Documents]) -> list[str]:
    """Return predictions for the test split: the commonest label of training, everywhere."""
    labels, counts = np.unique(splits["train"].labels, return_counts=True)
    return [str(labels[counts.argmax()])] * len(splits["test"].labels)


def tf_idf(splits: dict[str, Documents], c: list[float]) -> tuple[list[str], float]:
    """Return predictions for the test split and the regularization that validation chose.

    A logistic regression for each label against the rest, on words weighted by 1 + log of their
    count and by their rarity. Of equally good values of C the smallest is taken.
    """
    vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True)
    train = vectorizer.fit_transform(splits["train"].tokens)
    validation = vectorizer.transform(splits["validation"].tokens)
    models = {}
    for value in progress(sorted(c), "values of C", len(c)):
        model = OneVsRestClassifier(LogisticRegression(C=value, solver="liblinear", random_state=0))
        models[value] = model.fit(train, splits["train"].labels)
    best = max(models, key=lambda v: models[v].score(validation, splits["validation"].labels))
    test = vectorizer.transform(splits["test"].tokens)
    return [str(label) for label in models[best].predict(test)], best


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, classify, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, BaselineParams)

    splits = read_labelled(args.tokens)
    unscored = why_unscored(splits)
    if unscored:
        metrics = {"unscored": unscored, "majority": None, "tf_idf": None}
    else:
        truth = splits["test"].labels
        predictions, c = tf_idf(splits, params.c)
        metrics = {
            "majority": scores(truth, majority(splits)),
            "tf_idf": {**scores(truth, predictions), "c": c},
        }
    with Outputs() as outputs:
        outputs.json(args.metrics, metrics)
