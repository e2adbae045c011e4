import pytest

from stages.core.accuracy import scores, wilson


def test_wilson_interval_by_the_textbook():
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx([0.2553, 0.3662], abs=1e-4)
    assert wilson(0, 20) == pytest.approx([0, 0.1611], abs=1e-4)
    assert wilson(20, 20) == pytest.approx([1 - 0.1611, 1], abs=1e-4)


def test_rare_labels_count_as_much_in_macro_f1():
    truth, predictions = ["a"] * 9 + ["b"], ["a"] * 10
    own = scores(truth, predictions)
    assert own["accuracy"] == 0.9
    assert own["macro_f1"] == pytest.approx((2 * 9 / (2 * 9 + 1) + 0) / 2)
