import numpy as np
import pytest
import scipy.sparse

from stages.core.errors import StageError
from stages.embedding.evaluation.space import (
    nearest_neighbours,
    nearest_to_sums,
    parse_arithmetic,
    space_of,
)
from stages.embedding.models.model import Model

WORDS = ["north", "near_north", "east", "south"]
VECTORS = np.array([[0, 2], [0.1, 1], [3, 0], [0, -1]], dtype=np.float32)
MODEL = Model(WORDS, VECTORS, {}, {})
ONEHOT = Model(WORDS, scipy.sparse.eye_array(4, format="csr", dtype=np.float32), {}, {})


def test_neighbours_are_sorted_without_the_word_itself_and_negative_cosines():
    rows = nearest_neighbours(["north", "missing"], 3, space_of(MODEL), MODEL).to_pylist()
    assert [(r["token"], r["rank"], r["neighbour"]) for r in rows] == [("north", 1, "near_north")]
    rows = nearest_neighbours(["near_north"], 9, space_of(MODEL), MODEL).to_pylist()
    assert [r["neighbour"] for r in rows] == ["north", "east"]
    assert rows[0]["cosine_similarity"] == pytest.approx(1 / np.hypot(1, 0.1))


def test_onehot_has_no_neighbours():
    space = space_of(ONEHOT)
    assert nearest_neighbours(WORDS, 3, space, ONEHOT).num_rows == 0
    np.testing.assert_array_equal(space.cosines(space.units), np.eye(4))
    np.testing.assert_array_equal(space.cosines_of_pairs([0, 1], [0, 2]), [1, 0])


def test_zero_vectors_stay_zero():
    space = space_of(Model(["a", "b"], np.zeros((2, 3), np.float32), {}, {}))
    np.testing.assert_array_equal(space.cosines(space.units), np.zeros((2, 2)))


def test_vector_arithmetic():
    space = space_of(MODEL)
    rows = nearest_to_sums(["north - south + east", "north + missing"], 2, space).to_pylist()
    assert [(r["expression"], r["token"]) for r in rows] == [("north - south + east", "near_north")]
    assert parse_arithmetic("a - b + c") == [(1, "a"), (-1, "b"), (1, "c")]


@pytest.mark.parametrize("expression", ["king", "king - ", "king * man", "king man", ""])
def test_other_expressions_are_an_error(expression):
    with pytest.raises(StageError, match=r"embedding\.evaluate_embedding\.arithmetic has"):
        parse_arithmetic(expression)
