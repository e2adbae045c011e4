import numpy as np
import pytest

from stages.text.cleaning.splits import (
    NOT_GIVEN,
    TEST,
    TRAIN,
    VALIDATION,
    draw_splits,
)
from stages.text.sources.corpus import split_named


def draw(n, validation=0.1, test=0.2, seed=1, given=None, units=None, strata=None):
    return draw_splits(
        np.full(n, NOT_GIVEN, dtype=np.int8) if given is None else np.array(given, dtype=np.int8),
        units,
        np.zeros(n) if strata is None else strata,
        validation,
        test,
        seed,
    )


@pytest.mark.parametrize("n", [10, 50, 1000])
def test_shares_are_exact(n):
    splits = draw(n)
    assert (splits == TEST).sum() == 0.2 * n
    assert (splits == VALIDATION).sum() == 0.1 * n


def test_rare_labels_are_split_in_proportion():
    strata = np.repeat(np.arange(100), 10)
    splits = draw(1000, strata=strata)
    for label in range(100):
        assert ((splits == TEST) & (strata == label)).sum() in (1, 2, 3)


def test_units_stay_together():
    units = np.repeat(np.arange(20), 5)
    splits = draw(100, units=units)
    assert all(len(set(splits[units == unit])) == 1 for unit in range(20))
    assert (splits == TEST).sum() == 20


def test_given_splits_are_kept_and_validation_is_drawn_from_train():
    given = [TRAIN] * 80 + [TEST] * 20
    splits = draw(100, given=given)
    assert (splits[80:] == TEST).all()
    assert (splits[:80] == VALIDATION).sum() == 8
    complete = [TRAIN, VALIDATION, TEST]
    assert draw(3, given=complete).tolist() == complete


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ([TRAIN] * 80 + [VALIDATION] * 20, (64, 20, 16)),
        ([TRAIN] * 100, (70, 10, 20)),
        ([TRAIN] * 80 + [VALIDATION] * 10 + [TEST] * 10, (80, 10, 10)),
    ],
)
def test_missing_splits_are_drawn_from_train(given, sizes):
    splits = draw(100, given=given)
    assert tuple(int((splits == split).sum()) for split in (TRAIN, VALIDATION, TEST)) == sizes
    others = np.array(given) != TRAIN
    assert (splits[others] == np.array(given)[others]).all()


@pytest.mark.parametrize(
    ("names", "split"),
    [
        (["train", "Training", " TRAIN "], "train"),
        (["validation", "valid", "val", "dev", "development"], "validation"),
        (["test", "testing"], "test"),
    ],
)
def test_names_of_splits(names, split):
    assert {split_named(name) for name in names} == {split}


def test_other_names_are_not_splits():
    with pytest.raises(ValueError, match="'heldout' is not a split; use train, validation, test"):
        split_named("heldout")


def test_splits_depend_on_the_seed():
    assert (draw(100) == draw(100)).all()
    assert (draw(100) != draw(100, seed=2)).any()
