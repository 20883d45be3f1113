"""Forks a process for each archive: `python -I -m bastaix.source.unpack_server [SOCKET]`.

With a SOCKET it listens there, in a container of its own, until it is told to stop. Without one
its standard input is the one connection. It reads nothing that a tenant writes: what is asked
goes through it, as open files, to the process that is confined before it looks at them. So the
process of one archive is given that archive to read and a pipe to write to, and knows no others.

A connection takes one byte with the files (the pipe, then the archive), then the request until
its end; it gives the status with which the process ended, and whoever closes it ends the process.
"""

import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from bastaix.source import confinement, unpack

AT_ONCE: Final = 4
"""Connections that are served: one more than archives opened at once, for who looks in."""
_BACKLOG: Final = 64
_LONGEST_REQUEST: Final = 1024 * 1024
_FAILED: Final = 1


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    unpack.load_modules()
    if len(sys.argv) > 1:
        serve(Path(sys.argv[1]))
    else:
        attend(socket.socket(fileno=0))


def serve(path: Path) -> None:
    """Attend to each connection in a process of its own, so that none waits for another."""
    if os.waitstatus_to_exitcode(os.waitpid(_fork(_try_confinement), 0)[1]):
        sys.exit("archives cannot be opened here: this kernel or machine has no seccomp filters")
    path.unlink(missing_ok=True)
    attending: set[int] = set()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        os.umask(0o111)  # who asks is another user
        listener.bind(str(path))
        listener.listen(_BACKLOG)
        print(f"archives are opened by way of {path}", file=sys.stderr, flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                attending -= _reap(wait=len(attending) >= AT_ONCE)
                attending.add(_fork(lambda: _attend_alone(listener, connection)))  # noqa: B023


def _attend_alone(listener: socket.socket, connection: socket.socket) -> int:
    listener.close()
    attend(connection)
    return 0


def _try_confinement() -> int:
    return 0 if confinement.forbid_system_calls() else _FAILED


def _reap(*, wait: bool) -> set[int]:
    """The processes that have ended, at least one if it is to wait; orphans are among them."""
    ended: set[int] = set()
    with suppress(ChildProcessError):
        while process := os.waitpid(-1, 0 if wait and not ended else os.WNOHANG)[0]:
            ended.add(process)
    return ended


def attend(connection: socket.socket) -> None:
    """Have done what one connection asks for; one that asks for nothing has looked in."""
    _, files, _, _ = socket.recv_fds(connection, 1, 2)
    if not files:
        return
    wake, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    child = _fork(lambda: _open(connection, files, unneeded=(wake, waking)))
    for file in files:
        os.close(file)
    status = _status(child, connection, wake)
    with suppress(OSError):  # nobody waits for it any more
        connection.sendall(b"%d" % status)


def _status(child: int, connection: socket.socket, wake: int) -> int:
    """How the process ended, by itself or because nobody waits for it any more."""
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    poll.register(connection, 0)  # that it is closed is said in any case
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        ended, status = os.waitpid(child, os.WNOHANG)
        if not ended and connection.fileno() in ready:
            os.kill(child, signal.SIGKILL)
            ended, status = os.waitpid(child, 0)
        if ended:
            return os.waitstatus_to_exitcode(status)
        os.read(wake, 64)


def _open(connection: socket.socket, files: list[int], unneeded: tuple[int, int]) -> int:
    with connection, connection.makefile("rb") as stream:
        request = stream.read(_LONGEST_REQUEST)
    for descriptor in unneeded:
        os.close(descriptor)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # the container's log is no place for what an archive says
        os.dup2(nothing, standard)
    os.close(nothing)
    archive = os.fdopen(files[1], "rb") if len(files) > 1 else None
    return unpack.open_source(request, files[0], archive)


def _fork(work: Callable[[], int]) -> int:
    """The process that does the work and ends with its status, here or when this one ends."""
    child = os.fork()
    if not child:
        _end_with(work)
    return child


def _end_with(work: Callable[[], int]) -> NoReturn:
    status = _FAILED
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        confinement.end_with_parent()
        status = work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
