"""Classify documents by majority and by TF-IDF: the baselines of the recurrent classifiers."""

from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from stages.core.accuracy import scores
from stages.core.command import Input, command
from stages.core.outputs import Output
from stages.core.params import Params
from stages.core.progress import progress
from stages.metrics.score_document_baselines import ScoreDocumentBaselinesMetrics
from stages.sequence.classification.documents import Documents, read_labelled, why_unscored


class BaselineParams(Params):
    """The section `sequence.score_document_baselines`."""

    c: list[Annotated[float, Field(gt=0)]] = Field(min_length=1)


def majority(splits: dict[str, Documents]) -> list[str]:
    """Return the predictions for the test split: always the most frequent training label."""
    labels, counts = np.unique(splits["train"].labels, return_counts=True)
    return [str(labels[counts.argmax()])] * len(splits["test"].labels)


def tf_idf(splits: dict[str, Documents], c: list[float]) -> tuple[list[str], float]:
    """Return the predictions for the test split, and the C that the validation split chose.

    One logistic regression per label, against the rest, on TF-IDF with 1 + log of the counts.
    Among equally good values of C the smallest is chosen.
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


@command
def main(*, params: BaselineParams, tokens: Input, metrics: Output) -> None:
    """Classify documents by majority and by TF-IDF: the baselines of the recurrent classifiers."""
    splits = read_labelled(tokens)
    unscored = why_unscored(splits)
    if unscored:
        metrics.write_json(
            ScoreDocumentBaselinesMetrics(unscored=unscored, majority=None, tf_idf=None)
        )
        return
    truth = splits["test"].labels
    predictions, c = tf_idf(splits, params.c)
    metrics.write_json(
        ScoreDocumentBaselinesMetrics(
            majority=scores(truth, majority(splits)),
            tf_idf={**scores(truth, predictions), "c": c},
        )
    )
