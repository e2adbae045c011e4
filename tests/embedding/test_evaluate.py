import numpy as np
import pandas as pd
import pytest

from stages.embedding.evaluate import (
    SIMILARITY_SETS,
    nearest_neighbours,
    read_pairs,
    similarity_score,
)
from stages.vectors import unit_length

TOKENS = ["north", "near_north", "east", "south"]
UNITS = unit_length(np.array([[0, 2], [0.1, 1], [3, 0], [0, -1]], dtype=float))
ROWS = {token: row for row, token in enumerate(TOKENS)}


def pairs(*rows):
    return pd.DataFrame(rows, columns=["word_a", "word_b", "score"])


def test_order_that_people_agree_with_scores_one():
    judged = pairs(("north", "near_north", 9), ("north", "east", 5), ("north", "south", 1))
    assert similarity_score(judged, ROWS, UNITS) == {
        "pairs": 3,
        "covered": 3,
        "spearman": pytest.approx(1.0),
    }


def test_uncovered_pairs_do_not_count_and_too_few_give_no_score():
    judged = pairs(("north", "near_north", 9), ("north", "up", 5), ("down", "south", 1))
    score = similarity_score(judged, ROWS, UNITS)
    assert score == {"pairs": 3, "covered": 1, "spearman": None}


def test_equal_similarities_give_no_score_and_not_nan():
    judged = pairs(*[("north", "east", n) for n in range(4)])
    assert similarity_score(judged, ROWS, UNITS)["spearman"] is None


def test_neighbours_are_sorted_without_the_word_itself():
    rows = nearest_neighbours(["north", "missing"], 3, TOKENS, UNITS).to_pylist()
    assert [(r["token"], r["rank"], r["neighbour"]) for r in rows] == [
        ("north", 1, "near_north"),
        ("north", 2, "east"),
        ("north", 3, "south"),
    ]
    assert rows[2]["cosine_similarity"] == pytest.approx(-1)


def test_more_neighbours_than_words_gives_them_all():
    assert nearest_neighbours(["north"], 10, TOKENS, UNITS).num_rows == 3
    assert nearest_neighbours(["missing"], 10, TOKENS, UNITS).num_rows == 0


@pytest.mark.parametrize(("name", "n"), [("WordSim-353", 353), ("SimLex-999", 999)])
def test_sets_are_whole(name, n):
    judged = read_pairs(name)
    assert len(judged) == n
    assert judged["score"].between(0, 10).all()
    assert set(SIMILARITY_SETS) == {"WordSim-353", "SimLex-999"}


def test_zero_vectors_stay_zero():
    np.testing.assert_array_equal(unit_length(np.zeros((2, 3))), np.zeros((2, 3)))
