"""Tests of word vectors; their results are rows of the table `item_scores`."""

import numpy as np
import pandas as pd

from stages.embedding.contracts import ACCURACY, ITEM_SCORES, SPEARMAN
from stages.embedding.evaluation.evaluation_sets import ANALOGY_COLUMNS, SECTION
from stages.embedding.evaluation.prediction import (
    ClozeQuestion,
    Predictor,
    answer_cloze,
    chance_among_first,
)
from stages.embedding.evaluation.space import Space

# A cloze question counts as solved if its answer is among the first k guesses.
TOP_K = [1, 5, 20]
BATCH_QUESTIONS = 256
# Minimal number of words of a label that form a group for outlier detection.
MIN_LABEL_WORDS = 3


def cloze_test(k: int) -> str:
    """Return the name of the cloze test that allows k guesses."""
    return f"cloze top {k}"


def _rows(test: str, measure: str, **columns: object) -> pd.DataFrame:
    rows = pd.DataFrame({"test": test, "measure": measure, "part": "", "target": 1.0, **columns})
    return rows[ITEM_SCORES.schema.names]


def score_similarity(name: str, pairs: pd.DataFrame, space: Space) -> pd.DataFrame:
    """Return the cosine of each pair of words next to the similarity that people gave it."""
    is_known = pairs[["word_a", "word_b"]].map(space.row_of.__contains__)
    known = pairs[is_known.all(axis=1)]
    a, b = ([space.row_of[word] for word in known[side]] for side in ("word_a", "word_b"))
    predictions = space.cosines_of_pairs(a, b) if a else np.zeros(0)
    items = known["word_a"] + " " + known["word_b"]
    return _rows(
        name, SPEARMAN, item=items, target=known["score"].astype(float), prediction=predictions
    )


def score_analogies(name: str, questions: pd.DataFrame, space: Space) -> pd.DataFrame:
    """Score whether the model answers each analogy correctly, if it has all four words.

    The answer to `a is to b as c is to` is the word nearest to b - a + c other than these three
    (3CosAdd, Mikolov et al. 2013c).
    """
    is_known = questions[ANALOGY_COLUMNS].map(space.row_of.__contains__)
    known = questions[is_known.all(axis=1)]
    rows = np.array([known[name].map(space.row_of) for name in ANALOGY_COLUMNS], dtype=int)
    predictions = np.zeros(len(known))
    for start in range(0, len(known), BATCH_QUESTIONS):
        a, b, c, d = rows[:, start : start + BATCH_QUESTIONS]
        cosines = space.cosines(space.units[b] - space.units[a] + space.units[c])
        for excluded in (a, b, c):
            cosines[np.arange(len(a)), excluded] = -np.inf
        predictions[start : start + BATCH_QUESTIONS] = chance_among_first(cosines, d, 1)
    items = [" ".join(words) for words in known[ANALOGY_COLUMNS].itertuples(index=False)]
    return _rows(name, ACCURACY, part=known[SECTION], item=items, prediction=predictions)


def score_cloze(
    questions: list[ClozeQuestion], window: int, predictor: Predictor, space: Space
) -> pd.DataFrame:
    """Score cloze questions by the probability that the answer is among the first guesses."""
    hits = answer_cloze(questions, window, TOP_K, predictor, space)
    items = [str(index) for index in range(len(questions))]
    return pd.concat(
        _rows(cloze_test(k), ACCURACY, item=items, prediction=hits[:, column])
        for column, k in enumerate(TOP_K)
    )


def score_outliers(label_words: pd.DataFrame, space: Space) -> pd.DataFrame:
    """Score outlier detection (Camacho-Collados and Navigli 2016).

    To the words of each label, each word typical of another label is added in turn. The added word
    should have the lowest mean similarity to the rest of the group.

    Args:
        label_words: words typical of each label, with the columns label and token.
        space: unit vectors of the words.
    """
    known = label_words[label_words["token"].isin(space.row_of)]
    groups = {label: rows["token"].tolist() for label, rows in known.groupby("label", sort=False)}
    parts, items, predictions = [], [], []
    for label, words in groups.items():
        if len(words) < MIN_LABEL_WORDS:
            continue
        others = [w for other in groups.values() for w in other if w not in words]
        for outlier in dict.fromkeys(others):
            rows = [space.row_of[word] for word in [*words, outlier]]
            cosines = space.cosines_among(rows)
            similarity = (cosines.sum(axis=1) - cosines.diagonal()) / (len(rows) - 1)
            parts.append(label)
            items.append(outlier)
            answer = np.array([len(words)])
            predictions.append(chance_among_first(-similarity[None], answer, 1)[0])
    return _rows(
        "outliers", ACCURACY, part=parts, item=items, prediction=np.array(predictions, dtype=float)
    )
