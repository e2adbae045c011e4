import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from stages.core.errors import StageError
from stages.core.parallel import map_in_order


class Numbers(NamedTuple):
    count: int
    table: pa.Table
    nothing: None = None


def numbers(count: int) -> Numbers:
    return Numbers(count, pa.table({"number": np.arange(count)}))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(workers, tmp_path):
    results = map_in_order(numbers, range(60), workers, tmp_path / "staged")
    assert [result.count for result in results] == list(range(60))


def test_tables_are_whole_and_leave_no_file(tmp_path):
    left = tmp_path / "staged" / "left.table"
    left.parent.mkdir()
    left.touch()
    sizes = [100_000 + n for n in range(12)]
    results = list(map_in_order(numbers, sizes, 2, tmp_path / "staged"))
    assert results == [numbers(size) for size in sizes]
    assert not any(tmp_path.iterdir())


def test_the_number_of_pending_items_is_bounded(tmp_path):
    taken = []
    items = (taken.append(n) or n for n in range(1000))
    results = map_in_order(numbers, items, 2, tmp_path / "staged")
    next(results)
    assert len(taken) <= 8
    results.close()
    assert not any(tmp_path.iterdir())


def wait_for_three(count: int, seen: Path) -> Numbers:
    if multiprocessing.parent_process():
        (seen / str(count)).touch()
    else:
        deadline = time.monotonic() + 60
        while len(list(seen.iterdir())) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    return numbers(count)


def test_others_are_kept_busy_before_results_are_yielded(tmp_path):
    taken = []
    items = (taken.append(n) or n for n in range(1000))
    seen = tmp_path / "seen"
    seen.mkdir()
    results = map_in_order(partial(wait_for_three, seen=seen), items, 2, tmp_path / "staged")
    next(results)
    # Three that the other process has finished, one that it works on, and the current one.
    assert len(taken) >= 5
    results.close()


def fail_from(count: int, first: int) -> Numbers:
    if count >= first:
        raise StageError(f"item {count}")
    return numbers(count)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_error_is_raised(workers, tmp_path):
    work = partial(fail_from, first=3)
    with pytest.raises(StageError, match="item 3"):
        list(map_in_order(work, range(20), workers, tmp_path / "staged"))
    assert not any(tmp_path.iterdir())


def test_a_killed_process_is_reported(tmp_path):
    with pytest.raises(StageError, match="a worker process was killed: free memory"):
        list(map_in_order(os._exit, [1], 2, tmp_path / "staged"))


KILLED = """
import os, signal, sys
from pathlib import Path
from typing import NamedTuple
from stages.core.parallel import map_in_order

class Process(NamedTuple):
    number: int

def process(item):
    return Process(os.getpid())

if __name__ == "__main__":
    print(next(map_in_order(process, range(100), 2, Path(sys.argv[1]))).number, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "staged")],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
        check=False,
    )
    assert run.returncode == -signal.SIGKILL
    child = Path("/proc") / run.stdout.decode().strip()
    deadline = time.monotonic() + 20
    while child.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not child.exists()
