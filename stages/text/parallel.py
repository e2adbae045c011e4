"""Work on batches in several processes, with results in the order of the batches."""

import multiprocessing
import pickle
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from stages.errors import StageError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Yield `work(item)` for each item, in their order.

    This process works too, whenever the others have enough to do: what it does itself it need not
    hand over. A bounded number of items is under way, so memory does not grow with how many there
    are.

    Args:
        work: a function that processes can import, or a partial of one.
        items: taken from one by one.
        workers: processes, of which this is one.

    Raises:
        StageError: a process was killed, most often for want of memory.
    """
    if workers == 1:
        yield from map(work, items)
        return
    under_way: deque[Future[Any]] = deque()
    # Spawned, not forked: Arrow has threads, which a fork would leave in the middle of their work.
    context = multiprocessing.get_context("spawn")
    others = workers - 1
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(others, context) as pool,
    ):
        try:
            for number, item in enumerate(items):
                if sum(not future.done() for future in under_way) < 3 * others:
                    under_way.append(pool.submit(_put, work, item, Path(folder) / str(number)))
                else:
                    here: Future[Any] = Future()
                    here.set_result(work(item))
                    under_way.append(here)
                while under_way and (under_way[0].done() or len(under_way) == 4 * workers):
                    yield _take(under_way.popleft().result())
            while under_way:
                yield _take(under_way.popleft().result())
        except BrokenProcessPool:
            raise StageError(
                "a worker process was killed: free memory or lower the number of workers"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _put(work: Callable[[Item], Result], item: Item, file: Path) -> Path:
    """Put the result of `work` into a file.

    A pipe would wait to be emptied, piece by piece, by a process that has work of its own.
    """
    with file.open("wb") as opened:
        pickle.dump(work(item), opened, protocol=5)
    return file


def _take(result: Any) -> Any:
    """Return a result, read from its file if it was put into one."""
    if not isinstance(result, Path):
        return result
    with result.open("rb") as opened:
        taken = pickle.load(opened)  # noqa: S301, written by a process of this very run
    result.unlink()
    return taken
