"""Process items in several processes and yield the results in order."""

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
    """Yield `work(item)` for each item, in order.

    This process works too whenever the others have enough to do, because its own results need not
    be transferred. At most four items per process are pending, so memory does not grow with the
    number of items.

    Args:
        work: function that other processes can import, or a partial of one; returns a named tuple.
        items: items, taken one by one.
        workers: number of processes, including this one.
        folder: folder for transferred tables; files that a killed run left there are removed.

    Raises:
        StageError: a process was killed, usually for lack of memory.
    """
    if workers == 1:
        yield from map(work, items)
        return
    pending: deque[Future[Result]] = deque()
    # Spawned, not forked: a fork would copy the locks of Arrow's threads, but not the threads.
    context = multiprocessing.get_context("spawn")
    others = workers - 1

    def has_enough() -> bool:
        return sum(not future.done() for future in pending) >= 3 * others

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ProcessPoolExecutor(others, context, initializer=_end_with_parent) as pool:
        try:
            for index, item in enumerate(items):
                # Keep the others busy first, then yield results, then work in this process.
                # The current item counts as pending.
                while len(pending) == 4 * workers - 1 or (has_enough() and pending[0].done()):
                    yield _read_tables(pending.popleft().result())
                if has_enough():
                    pending.append(_completed(work, item))
                else:
                    pending.append(pool.submit(_write_tables, work, item, folder / str(index)))
            while pending:
                yield _read_tables(pending.popleft().result())
        except BrokenProcessPool:
            raise StageError(
                "a worker process was killed: free memory or lower the number of workers"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
            shutil.rmtree(folder, ignore_errors=True)


class _File(NamedTuple):
    """The file that contains a table of a result."""

    path: Path


def _end_with_parent() -> None:
    """Make this process end when its parent ends, even if the parent is killed."""

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _completed(work: Callable[[Item], Result], item: Item) -> Future[Result]:
    """Call `work` in this process; an error is raised when the result's turn comes."""
    future: Future[Result] = Future()
    try:
        future.set_result(work(item))
    except Exception as error:  # noqa: BLE001, raised again where the result is taken
        future.set_exception(error)
    return future


def _write_tables(work: Callable[[Item], Result], item: Item, path: Path) -> Any:
    """Return the result of `work` with its tables written to `path` plus the field's name.

    A pipe would have to be read piece by piece in the parent, which is busy working itself.
    """
    result = work(item)
    files = {}
    for name, table in result._asdict().items():
        if isinstance(table, pa.Table):
            files[name] = _File(path.with_suffix(f".{name}"))
            with pa.ipc.new_file(str(files[name].path), table.schema) as writer:
                writer.write_table(table)
    return result._replace(**files)


def _read_tables(result: Any) -> Any:
    """Return a result with its tables read from their files, which are deleted."""
    tables = {}
    for name, file in result._asdict().items():
        if isinstance(file, _File):
            # The mapped memory stays readable after the file has been deleted.
            with pa.memory_map(str(file.path)) as opened, pa.ipc.open_file(opened) as reader:
                tables[name] = reader.read_all()
            file.path.unlink()
    return result._replace(**tables)
