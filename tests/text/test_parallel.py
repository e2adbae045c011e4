import operator
import os
from functools import partial

import numpy as np
import pytest

from stages.errors import StageError
from stages.text.parallel import map_in_order


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(workers):
    work = partial(operator.mul, 2)
    assert list(map_in_order(work, range(60), workers)) == [2 * n for n in range(60)]


def test_large_results_are_whole():
    sizes = [100_000 + n for n in range(12)]
    results = map_in_order(partial(np.full, fill_value=1.5), sizes, 2)
    assert [(len(array), array.sum()) for array in results] == [(n, 1.5 * n) for n in sizes]


def test_no_more_items_are_taken_than_are_under_way():
    taken = []
    results = map_in_order(abs, (taken.append(n) or n for n in range(1000)), 2)
    next(results)
    assert len(taken) == 4
    results.close()


def test_a_killed_process_is_a_sentence():
    with pytest.raises(StageError, match="a worker process was killed: free memory"):
        list(map_in_order(os._exit, [1], 2))
