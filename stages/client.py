"""Run a module in a fork of the stage server if there is one, otherwise in this process.

`python -m stages.client MODULE ARGUMENTS` does what `python -m MODULE ARGUMENTS` does. It imports
little, because every stage that starts pays for it.
"""

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from stages.core import environment

# Where the server listens: relative to the project's root, because a path of a socket is short.
SOCKET = os.environ.get("ETUDE_SERVER", ".dvc/tmp/stages.sock")
FORWARDED = (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM),
    *(signal.SIGTSTP, signal.SIGCONT, signal.SIGUSR1, signal.SIGUSR2),
)
# The first byte of the server's answer; the exit status follows when the fork has ended.
STARTED, REFUSED = b"+", b"-"


def run(module: str, arguments: list[str]) -> NoReturn:
    """Run a module as `python -m MODULE ARGUMENTS` would, and exit with its status."""
    status = served(module, arguments)
    if status is not None:
        sys.exit(status)
    environment.start()
    import runpy

    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


def served(module: str, arguments: list[str]) -> int | None:
    """Return the exit status of a module that the server runs; None if there is no server.

    The server forks. The fork has the arguments, working directory, environment and standard
    streams of this process, receives its signals, and ends when this process or the server ends.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(SOCKET)
        except OSError:  # including a path that is too long
            return None

        def forward(signum: int, _: FrameType | None) -> None:
            with suppress(OSError):
                connection.send(bytes([signum]))
            if signum == signal.SIGTSTP:
                os.kill(os.getpid(), signal.SIGSTOP)

        handlers = {signum: signal.signal(signum, forward) for signum in FORWARDED}
        try:
            answer = _ask(connection, module, arguments)
        except OSError:
            answer = b""
        if answer[:1] != STARTED:
            for signum, handler in handlers.items():
                signal.signal(signum, handler)
            return None
    if not answer[1:]:
        print(f"{arguments[0]}: the stage server was killed; run it again", file=sys.stderr)
        return 1
    status = int(answer[1:])
    return status if status >= 0 else 128 - status  # as a shell reports a signal


def _ask(connection: socket.socket, module: str, arguments: list[str]) -> bytes:
    """Send the request and return all of the answer."""
    request = {
        "module": module,
        "arguments": arguments,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "python": sys.executable,
    }
    # In a file in memory, so that one message contains all of it.
    with open(os.memfd_create("request"), "w+b") as file:
        file.write(json.dumps(request).encode())
        file.flush()
        socket.send_fds(connection, [b"\n"], [file.fileno(), 0, 1, 2])
    answer = b""
    while part := connection.recv(64):
        answer += part
    return answer


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
