"""What somebody would try who has taken over the process that opens an archive.

A program of its own, for it is also fed to a Python in the container that opens archives: it
knows the standard library and the confinement that it tries. It prints one line of JSON.
"""

import ctypes
import errno
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bastaix.source import confinement

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
LIBC = ctypes.CDLL(None, use_errno=True)
PIDFD_OPEN, PIDFD_GETFD, IO_URING_SETUP = 434, 438, 425  # the same on every machine
X32 = 0x40000000
"""Added to a number, it is the same call for programs of 32 bits on x86_64."""
X32_OPEN = X32 + 2


def attempts(parent: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """By what is tried, how."""
    for family in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"):
        yield (
            f"socket {family}",
            lambda family=family: socket.socket(  # type: ignore[misc]
                getattr(socket, family), socket.SOCK_DGRAM
            ),
        )
    yield "socketpair", socket.socketpair
    yield "read a file", lambda: open("/etc/passwd").close()
    yield "list a folder", lambda: os.listdir("/")
    yield "write a file", lambda: open("/tmp/attempt", "w").close()
    yield "make a folder", lambda: os.mkdir(f"/tmp/attempt-{os.getpid()}")
    yield "look at a file", lambda: os.stat("/etc/passwd")
    yield "read the parent's memory", lambda: open(f"/proc/{parent}/mem", "rb").close()
    yield "read the parent's environment", lambda: open(f"/proc/{parent}/environ").close()
    yield "copy the parent's memory", lambda: copy_memory(parent)
    yield "trace the parent", lambda: call(LIBC.ptrace, 0x4206, parent, 0, 0)  # PTRACE_SEIZE
    yield "signal the parent", lambda: os.kill(parent, 0)
    yield "name the parent", lambda: call(LIBC.syscall, PIDFD_OPEN, parent, 0)
    yield "take a file of the parent", lambda: call(LIBC.syscall, PIDFD_GETFD, 0, 0, 0)
    yield "start a process", lambda: call(LIBC.fork)
    yield "run a program", lambda: os.execv("/bin/true", ["true"])
    yield "make memory a file", lambda: os.memfd_create("attempt")
    yield "queue calls", lambda: call(LIBC.syscall, IO_URING_SETUP, 1, 0)
    yield "leave its namespaces", lambda: call(LIBC.unshare, 0x10000000)
    yield "change its limits", lambda: call(LIBC.setrlimit, 7, ctypes.byref((ctypes.c_ulong * 2)()))
    yield "call as 32 bits", lambda: call(LIBC.syscall, X32_OPEN, b"/etc/passwd", 0)


def copy_memory(process: int) -> int:
    word = ctypes.create_string_buffer(8)
    vector = (ctypes.c_ulong * 2)(ctypes.addressof(word), 8)
    return call(LIBC.process_vm_readv, process, vector, 1, vector, 1, 0)


def call(function: Any, *arguments: Any) -> int:
    result = int(function(*arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    if not result and function is LIBC.fork:
        os._exit(0)
    return result


def outcomes(parent: int) -> dict[str, str]:
    """By what was tried, the name of the error, or `done`."""
    return {what: outcome(attempt) for what, attempt in attempts(parent)}


def outcome(attempt: Callable[[], Any]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return "done"


def confined(user: int | None) -> dict[str, str]:
    """Of a process that is confined as one is that opens an archive."""
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if not child:
        if user is not None:
            os.setuid(user)
        confinement.limit(memory=256 * 1024 * 1024, cpu_seconds=20, seconds=60)
        assert confinement.forbid_system_calls()
        os.write(writing, json.dumps(outcomes(parent)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        found: dict[str, str] = json.loads(answer.read())
    os.waitpid(child, 0)
    return found


def surroundings() -> dict[str, Any]:
    """What this container holds, whoever looks."""
    commands = [_command(folder) for folder in Path("/proc").glob("[0-9]*")]
    return {
        "user": os.getuid(),
        "token": Path(TOKEN).exists(),
        "processes": sorted(filter(None, commands)),
        "folders": sorted(os.listdir("/")),
        "environment": sorted(os.environ),
    }


def _command(folder: Path) -> str:
    try:
        return folder.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


if __name__ == "__main__":
    as_user = int(sys.argv[1]) if len(sys.argv) > 1 else None
    print(json.dumps({"confined": confined(as_user), "around": surroundings()}))
