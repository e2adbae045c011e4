import os
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from stages.errors import StageError
from stages.text.parallel import map_in_order


class Numbers(NamedTuple):
    count: int
    table: pa.Table
    nothing: None = None


def numbers(count: int) -> Numbers:
    return Numbers(count, pa.table({"number": np.arange(count)}))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(workers):
    results = map_in_order(numbers, range(60), workers)
    assert [result.count for result in results] == list(range(60))


def test_tables_are_whole_and_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sizes = [100_000 + n for n in range(12)]
    results = list(map_in_order(numbers, sizes, 2))
    assert results == [numbers(size) for size in sizes]
    assert not any(tmp_path.iterdir())


def test_no_more_items_are_taken_than_are_under_way(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    taken = []
    results = map_in_order(numbers, (taken.append(n) or n for n in range(1000)), 2)
    next(results)
    assert len(taken) <= 8
    results.close()
    assert not any(tmp_path.iterdir())


def test_a_killed_process_is_a_sentence():
    with pytest.raises(StageError, match="a worker process was killed: free memory"):
        list(map_in_order(os._exit, [1], 2))
