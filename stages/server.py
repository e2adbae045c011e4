"""The stage server: it imports libraries once and runs each stage in a fork of itself.

`python -m stages.server` serves until it is interrupted or, if its standard input is a pipe, until
that closes; then it takes no more requests and ends after the last fork.

It imports what the requested modules import from elsewhere, as their source says, and no module of
the project but this one, so an edited stage runs as edited. It starts no thread, because a fork
would copy the locks of threads but not the threads. `stages/client.py` is the other side.

It needs Linux: elsewhere, libraries that start threads of the system make forks unsafe.
"""

import ast
import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import stat
import sys
import sysconfig
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from stages.client import REFUSED, SOCKET, STARTED
from stages.core import environment

PR_SET_PDEATHSIG = 1
REQUEST_SECONDS = 5
# Variables that only the start of Python reads.
AT_START = ("LD_", "PYTHON")


class Request(NamedTuple):
    """What `stages/client.py` sends.

    Attributes:
        module: module to run as `__main__`.
        arguments: its arguments.
        folder: working directory.
        environment: environment variables.
        python: interpreter.
        streams: descriptors of the standard streams.
    """

    module: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    python: str
    streams: list[int]


class Server:
    """The loop of the server.

    Attributes:
        path: path of the socket.
    """

    def __init__(self, path: Path) -> None:
        """Listen at `path`."""
        self.path = path
        self._process = os.getpid()
        self._installed = _installed()
        self._threads = _threads()
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, socket.socket] = {}  # by the process of the fork
        self._listener = socket.socket(socket.AF_UNIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        private = path.with_name(f"{path.name}.{self._process}")
        self._listener.bind(str(private))
        private.chmod(0o600)
        self._listener.listen(64)
        private.replace(path)
        self._inode = path.stat().st_ino
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        if stat.S_ISFIFO(os.fstat(0).st_mode):
            self._selector.register(0, selectors.EVENT_READ, self._retire)

    def serve(self) -> Request | None:
        """Serve; return in each fork with its request, and in the server with None at its end."""
        while self._listener.fileno() >= 0 or self._clients:
            for key, _ in self._selector.select():
                # An earlier event of the same round may have ended the fork.
                is_registered = self._selector.get_map().get(key.fd) is key
                if is_registered and (request := key.data()):
                    return request
        return None

    def _retire(self) -> None:
        """Take no more requests."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(0)
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._listener.close()
            self.remove()

    def remove(self) -> None:
        """Remove the socket, unless another server has replaced it."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()

    def _accept(self) -> Request | None:
        connection, _ = self._listener.accept()
        connection.settimeout(REQUEST_SECONDS)
        try:
            request = _receive(connection)
        except OSError:
            connection.close()
            return None
        try:
            return self._fork(connection, request)
        finally:
            if os.getpid() == self._process:
                for stream in request.streams:
                    os.close(stream)

    def _fork(self, connection: socket.socket, request: Request) -> Request | None:
        reason = self._reason_to_refuse(request)
        if reason is None:
            _import_libraries(request)
            if _threads() > self._threads:
                reason = "a library has started a thread"
        if reason:
            print(f"stage server: refused {request.arguments[:1]}: {reason}", file=sys.stderr)
            with contextlib.suppress(OSError):
                connection.send(REFUSED)
            connection.close()
            return None
        process = os.fork()
        if process == 0:
            os.setpgid(0, 0)
            # Killed with the server, however that ends.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != self._process:
                os._exit(1)
            for opened in (connection, self._listener, self._selector, *self._clients.values()):
                opened.close()
            return request
        # Here too: a signal may arrive before the fork has done so.
        with contextlib.suppress(OSError):
            os.setpgid(process, process)
        with contextlib.suppress(OSError):
            connection.send(STARTED)
        self._clients[process] = connection
        ended = os.pidfd_open(process)
        self._selector.register(
            connection, selectors.EVENT_READ, functools.partial(self._forward, process)
        )
        self._selector.register(
            ended, selectors.EVENT_READ, functools.partial(self._report, process, ended)
        )
        return None

    def _reason_to_refuse(self, request: Request) -> str | None:
        """Return why this process cannot stand for a new one; None if it can."""
        if self._installed != _installed():
            self._retire()
            return "what is installed has changed: start the server again"
        if request.python != sys.executable:
            return f"it runs in {request.python}"
        names = {*environment.ALWAYS, *environment.INSTRUCTION_SETS}
        names |= {n for n in {*os.environ, *request.environment} if n.startswith(AT_START)}
        for name in sorted(names - {"PYTHONUNBUFFERED"}):
            if os.environ.get(name) != request.environment.get(name):
                return f"{name} differs"
        return None

    def _forward(self, process: int) -> None:
        """Send the signals of the client to its fork; end the fork if the client has ended."""
        try:
            signals = self._clients[process].recv(64)
        except OSError:
            signals = b""
        if not signals:
            self._selector.unregister(self._clients[process])
        for signum in signals or [signal.SIGKILL]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signum)

    def _report(self, process: int, ended: int) -> None:
        """Tell the client how its fork ended."""
        self._selector.unregister(ended)
        os.close(ended)
        # What the fork started and left.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        connection = self._clients.pop(process)
        with contextlib.suppress(KeyError):
            self._selector.unregister(connection)
        with contextlib.suppress(OSError):
            connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        connection.close()


def _receive(connection: socket.socket) -> Request:
    """Receive a request.

    Raises:
        OSError: the client sent none in time.
    """
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 4)
    if len(descriptors) != 4:
        raise OSError("the client has ended")
    with open(descriptors[0], "rb") as file:
        file.seek(0)
        request = Request(**json.load(file), streams=descriptors[1:])
    environment.fix(request.environment)
    return request


def _installed() -> list[int]:
    """Return values that change when a library or this file changes."""
    files = (sysconfig.get_path("purelib"), __file__, environment.__file__)
    return [os.stat(file).st_mtime_ns for file in files]


def _threads() -> int:
    """Return the number of threads of this process, 1 unless it is emulated."""
    return len(os.listdir("/proc/self/task"))


def _import_libraries(request: Request) -> None:
    """Import what the modules that a request names import from elsewhere."""
    package = request.module.rpartition(".")[0]
    words = [word for argument in request.arguments for word in argument.split()]
    seen: set[Path] = set()
    before = len(sys.modules)
    for module in (request.module, *(f"{package}.{word}" for word in words)):
        for name, attributes in _imports(Path(request.folder), module, seen):
            # What fails here fails again in the fork, where the message belongs.
            with contextlib.suppress(Exception):
                __import__(name, fromlist=attributes)
    if len(sys.modules) > before:
        gc.collect()
        gc.freeze()  # forks share the pages of objects that no collection touches


def _imports(root: Path, module: str, seen: set[Path]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the imports from elsewhere of a project's module and of the modules that it imports.

    Args:
        root: root of the project.
        module: dotted name; nothing is yielded if the project has no such module.
        seen: files that are left out; grows.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        return
    path = root.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if file in seen or not file.exists():
        return
    seen.add(file)
    for name, attributes in _statements(file, file.stat().st_mtime_ns):
        if (root / name.partition(".")[0]).is_dir():
            for imported in (name, *(f"{name}.{attribute}" for attribute in attributes)):
                yield from _imports(root, imported, seen)
        else:
            yield name, attributes


@functools.cache
def _statements(file: Path, _modified: int) -> list[tuple[str, tuple[str, ...]]]:
    """Return the modules that a file imports, with the names it imports from them."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return []
    found: list[tuple[str, tuple[str, ...]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append((node.module, tuple(alias.name for alias in node.names)))
    return found


def become(request: Request) -> NoReturn:
    """Make this fork the process that was asked for, run its module, and exit."""
    for standard, stream in enumerate(request.streams):
        os.dup2(stream, standard)
        os.close(stream)
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    for name in [name for name in sys.modules if name.partition(".")[0] == "stages"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    sys.path.insert(0, request.folder)
    sys.argv[1:] = request.arguments
    status: object = 0
    try:
        runpy.run_module(request.module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code or 0
        if not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:  # noqa: BLE001, Python ends so, too
        traceback.print_exc()
        status = 1
    # Python would free all objects one by one, and by that copy the pages shared with the server.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    """Serve, and in each fork run a module."""
    if sys.platform != "linux":
        print("the stage server needs Linux; stages run without it")
        return
    sys.path.pop(0)  # the project
    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # Arrow would start a thread
    with socket.socket(socket.AF_UNIX) as other:
        if other.connect_ex(SOCKET) == 0:
            print(f"a stage server already runs at {SOCKET}")
            return
    server = Server(Path(SOCKET))
    print(f"the stage server listens at {SOCKET}", flush=True)
    try:
        request = server.serve()
    except KeyboardInterrupt:
        server.remove()
        return
    if request:
        become(request)


if __name__ == "__main__":
    environment.start()
    main()
