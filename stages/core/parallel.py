"""Work on batches in several processes, with results in the order of the batches."""

import multiprocessing
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from stages.core.errors import StageError

Item = TypeVar("Item")
Result = TypeVar("Result", bound=NamedTuple)


def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, folder: Path
) -> Iterator[Result]:
    """Yield `work(item)` for each item, in their order.

    This process works too whenever the others have enough to do: what it does itself need not be
    handed over. At most four items for each process are under way, so memory does not grow with
    their number.

    Args:
        work: a function that processes can import, or a partial of one; returns a named tuple.
        items: taken from one by one.
        workers: processes, this one included.
        folder: for what is handed over; what a killed run left there goes first.

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

    def has_enough() -> bool:
        return sum(not future.done() for future in under_way) >= 3 * others

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ProcessPoolExecutor(others, context, initializer=_end_with_parent) as pool:
        try:
            for number, item in enumerate(items):
                # First the others get enough to do, then results are yielded, then own work.
                # The item in hand is one of those under way.
                while len(under_way) == 4 * workers - 1 or (has_enough() and under_way[0].done()):
                    yield _take_tables(under_way.popleft().result())
                if has_enough():
                    under_way.append(_done(work, item))
                else:
                    place = folder / str(number)
                    under_way.append(pool.submit(_put_tables, work, item, place))
            while under_way:
                yield _take_tables(under_way.popleft().result())
        except BrokenProcessPool:
            raise StageError(
                "a worker process was killed: free memory or lower the number of workers"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
            shutil.rmtree(folder, ignore_errors=True)


class _File(NamedTuple):
    """Where a table of a result is."""

    path: Path


def _end_with_parent() -> None:
    """Have this process end when the one that started it does, were it killed."""

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _done(work: Callable[[Item], Result], item: Item) -> Future[Result]:
    """Return what came of `work` here, an error as well: it is told when its turn comes."""
    future: Future[Result] = Future()
    try:
        future.set_result(work(item))
    except Exception as error:  # noqa: BLE001, raised again where the result is taken
        future.set_exception(error)
    return future


def _put_tables(work: Callable[[Item], Result], item: Item, place: Path) -> Any:
    """Return the result of `work` with its tables in files that begin with `place`.

    A pipe would have to be emptied, piece by piece, by a process that has work of its own.
    """
    result = work(item)
    files = {}
    for name, table in result._asdict().items():
        if isinstance(table, pa.Table):
            files[name] = _File(place.with_suffix(f".{name}"))
            with pa.ipc.new_file(str(files[name].path), table.schema) as writer:
                writer.write_table(table)
    return result._replace(**files)


def _take_tables(result: Any) -> Any:
    """Return a result with its tables read from their files, if they are in files."""
    tables = {}
    for name, file in result._asdict().items():
        if isinstance(file, _File):
            # The file goes at once; what it holds stays readable as long as the table is used.
            with pa.memory_map(str(file.path)) as opened, pa.ipc.open_file(opened) as reader:
                tables[name] = reader.read_all()
            file.path.unlink()
    return result._replace(**tables)
