"""Work on batches in several processes, with results in the order of the batches."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from stages.errors import StageError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Yield `work(item)` for each item, in their order.

    At most two items for each worker are under way, so memory does not grow with their number.

    Args:
        work: a function that processes can import, or a partial of one.
        items: taken from one by one.
        workers: processes; 1 works in this one.

    Raises:
        StageError: a process was killed, most often for want of memory.
    """
    if workers == 1:
        yield from map(work, items)
        return
    under_way: deque[Future[Result]] = deque()
    # Spawned, not forked: Arrow has threads, which a fork would leave in the middle of their work.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        try:
            for item in items:
                under_way.append(pool.submit(work, item))
                if len(under_way) == 2 * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool:
            raise StageError(
                "a worker process was killed: free memory or lower the number of workers"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
