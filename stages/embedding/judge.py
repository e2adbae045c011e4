"""What each test asks a model, as rows of the table `judgements`."""

import numpy as np
import pandas as pd

from stages.embedding.contracts import ACCURACY, JUDGEMENTS, SPEARMAN
from stages.embedding.evaluation_sets import ANALOGY_COLUMNS, SECTION
from stages.embedding.prediction import Blank, Predictor, chance_among_first, fill_blanks
from stages.embedding.space import Space

# Guesses among which a blank's answer is looked for.
FIRST = [1, 5, 20]
AT_ONCE = 256
# Words of a label that an outlier is set among: fewer make no group.
FEWEST_OF_LABEL = 3


def blank_test(k: int) -> str:
    """Return the name of the test whether a blank's word is among the first k guesses."""
    return f"blank in {k}"


def _rows(test: str, measure: str, **columns: object) -> pd.DataFrame:
    rows = pd.DataFrame({"test": test, "measure": measure, "part": "", "wanted": 1.0, **columns})
    return rows[JUDGEMENTS.schema.names]


def judge_similarity(name: str, pairs: pd.DataFrame, space: Space) -> pd.DataFrame:
    """Return the cosines of the pairs whose words the model has, beside people's scores."""
    has = pairs["word_a"].isin(space.row_of) & pairs["word_b"].isin(space.row_of)
    known = pairs[has]
    a, b = ([space.row_of[word] for word in known[side]] for side in ("word_a", "word_b"))
    got = space.cosines_of_pairs(a, b) if a else np.zeros(0)
    items = known["word_a"] + " " + known["word_b"]
    return _rows(name, SPEARMAN, item=items, wanted=known["score"].astype(float), got=got)


def judge_analogies(name: str, questions: pd.DataFrame, space: Space) -> pd.DataFrame:
    """Return which of the questions whose words the model has are answered right.

    The answer to `a is to b as c is to` is the word nearest to b - a + c, but for those three
    (3CosAdd, Mikolov et al. 2013c).
    """
    has = questions[ANALOGY_COLUMNS].isin(list(space.row_of)).all(axis=1)
    known = questions[has]
    rows = np.array([known[name].map(space.row_of) for name in ANALOGY_COLUMNS], dtype=int)
    got = np.zeros(len(known))
    for start in range(0, len(known), AT_ONCE):
        a, b, c, d = rows[:, start : start + AT_ONCE]
        cosines = space.cosines(space.units[b] - space.units[a] + space.units[c])
        for asked in (a, b, c):
            cosines[np.arange(len(a)), asked] = -np.inf
        got[start : start + AT_ONCE] = chance_among_first(cosines, d, 1)
    items = known[ANALOGY_COLUMNS].agg(" ".join, axis=1) if len(known) else []
    return _rows(name, ACCURACY, part=known[SECTION], item=items, got=got)


def judge_blanks(
    blanks: list[Blank], window: int, predictor: Predictor, space: Space
) -> pd.DataFrame:
    """Return how surely the word taken out of each sentence is among the first guesses."""
    hits = fill_blanks(blanks, window, FIRST, predictor, space)
    items = [str(number) for number in range(len(blanks))]
    return pd.concat(
        _rows(blank_test(k), ACCURACY, item=items, got=hits[:, column])
        for column, k in enumerate(FIRST)
    )


def judge_outliers(label_words: pd.DataFrame, space: Space) -> pd.DataFrame:
    """Return which words of other labels are found out among the words of each label.

    Each word that is typical of another label is set among those of a label; the one that is least
    similar to the rest, on average, should be that word (Camacho-Collados and Navigli 2016).

    Args:
        label_words: columns label and token.
        space: the words as directions.
    """
    known = label_words[label_words["token"].isin(space.row_of)]
    groups = {label: rows["token"].tolist() for label, rows in known.groupby("label", sort=False)}
    parts, items, got = [], [], []
    for label, words in groups.items():
        if len(words) < FEWEST_OF_LABEL:
            continue
        others = [w for other in groups.values() for w in other if w not in words]
        for outlier in dict.fromkeys(others):
            rows = [space.row_of[word] for word in [*words, outlier]]
            similar = space.cosines(space.units[rows])[:, rows]
            rest = (similar.sum(axis=1) - similar.diagonal()) / (len(rows) - 1)
            parts.append(label)
            items.append(outlier)
            got.append(chance_among_first(-rest[None], np.array([len(words)]), 1)[0])
    return _rows("outliers", ACCURACY, part=parts, item=items, got=np.array(got, dtype=float))
