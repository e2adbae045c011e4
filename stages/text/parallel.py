"""Work on batches in several processes, with results in the order of the batches."""

import multiprocessing
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from stages.errors import StageError

Item = TypeVar("Item")
Result = TypeVar("Result", bound=NamedTuple)


def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Yield `work(item)` for each item, in their order.

    This process works too whenever the others have enough to do: what it does itself need not be
    handed over. A bounded number of items is under way, so memory does not grow with their number.

    Args:
        work: a function that processes can import, or a partial of one; returns a named tuple.
        items: taken from one by one.
        workers: processes, this one included.

    Raises:
        StageError: a process was killed, most often for want of memory.
    """
    if workers == 1:
        yield from map(work, items)
        return
    under_way: deque[Future[Result]] = deque()
    # Spawned, not forked: Arrow has threads, which a fork would leave in the middle of their work.
    context = multiprocessing.get_context("spawn")
    others = workers - 1
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(others, context) as pool:
        try:
            for number, item in enumerate(items):
                if sum(not future.done() for future in under_way) < 3 * others:
                    place = Path(folder) / str(number)
                    under_way.append(pool.submit(_put_tables, work, item, place))
                else:
                    under_way.append(Future())
                    under_way[-1].set_result(work(item))
                while under_way and (under_way[0].done() or len(under_way) == 4 * workers):
                    yield _take_tables(under_way.popleft().result())
            while under_way:
                yield _take_tables(under_way.popleft().result())
        except BrokenProcessPool:
            raise StageError(
                "a worker process was killed: free memory or lower the number of workers"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _put_tables(work: Callable[[Item], Result], item: Item, place: Path) -> Any:
    """Return the result of `work` with its tables in files that begin with `place`.

    A pipe would have to be emptied, piece by piece, by a process that has work of its own.
    """
    result = work(item)
    files = {}
    for name, table in result._asdict().items():
        if isinstance(table, pa.Table):
            files[name] = place.with_suffix(f".{name}")
            with pa.ipc.new_file(str(files[name]), table.schema) as writer:
                writer.write_table(table)
    return result._replace(**files)


def _take_tables(result: Any) -> Any:
    """Return a result with its tables read from their files, if they are in files."""
    tables = {}
    for name, file in result._asdict().items():
        if isinstance(file, Path):
            # The file goes at once; what it holds stays readable as long as the table is used.
            with pa.memory_map(str(file)) as opened, pa.ipc.open_file(opened) as reader:
                tables[name] = reader.read_all()
            file.unlink()
    return result._replace(**tables)
