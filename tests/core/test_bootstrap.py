import numpy as np
import pytest

from stages.core.bootstrap import interval, resample


def test_samples_are_as_large_as_the_items_and_repeat_with_the_seed():
    draws = resample(50, 20, 3)
    assert draws.shape == (20, 50)
    assert draws.min() >= 0
    assert draws.max() < 50
    assert (draws == resample(50, 20, 3)).all()
    assert (draws != resample(50, 20, 4)).any()


def test_the_interval_of_a_mean_matches_its_standard_error():
    values = np.random.default_rng(1).normal(5, 2, 400)
    low, high = interval(values[resample(400, 4000, 1)].mean(axis=1))
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.02)


def test_undefined_scores_do_not_count():
    assert interval(np.array([np.nan, 1.0, 1.0])) == (1.0, 1.0)
