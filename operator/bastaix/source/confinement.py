"""What a process gives up, for good, before it opens untrusted bytes.

Limits of the kernel bound what it takes. A seccomp filter leaves it a list of system calls, with
which it can compute, read and write what is open already, and end: no file can be opened by
name, no socket made, no program or process started, nobody else's memory read and nobody sent a
signal. So it is of no matter what the user it runs as could reach.

The filter is written here: the libraries for it need libseccomp, which slim images lack, or have
no stable release. Landlock could add nothing, since no name of a file is left to it.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_MAX_FILE_BYTES: Final = 0
_MAX_OPEN_FILES: Final = 32

_SET_PARENT_DEATH_SIGNAL: Final = 1
_SET_SECCOMP: Final = 22
_SET_NO_NEW_PRIVILEGES: Final = 38
_FILTER_MODE: Final = 2

# <linux/bpf_common.h>, <linux/seccomp.h>: struct seccomp_data is nr, arch, instruction pointer,
# and six arguments of 64 bits
_LOAD: Final = 0x20
_EQUAL: Final = 0x15
_AND: Final = 0x54
_RETURN: Final = 0x06
_AT_NUMBER, _AT_MACHINE, _AT_OPEN_FLAGS = 0, 4, 16 + 2 * 8
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | 1
"""With EPERM, so that a library that merely tries goes on without."""
_KILL: Final = 0x80000000
_MAY_CHANGE: Final = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, kw_only=True)
class _Machine:
    audit: int
    """AUDIT_ARCH_… of <linux/audit.h>; another one is a call in disguise (x86's int 0x80)."""
    computing: Mapping[str, int]
    reading_files: Mapping[str, int]
    openat: int


_MACHINES: Final[Mapping[str, _Machine]] = {
    "x86_64": _Machine(
        audit=0xC000003E,
        computing={
            **{"read": 0, "write": 1, "close": 3, "fstat": 5, "lseek": 8, "pread64": 17},
            **{"mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "mremap": 25, "madvise": 28},
            **{"rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sigaltstack": 131},
            **{"futex": 202, "sched_yield": 24, "getpid": 39, "gettid": 186},
            **{"clock_gettime": 228, "getrandom": 318, "restart_syscall": 219},
            **{"exit": 60, "exit_group": 231},
        },
        reading_files={"newfstatat": 262, "statx": 332, "getdents64": 217, "fcntl": 72},
        openat=257,
    ),
    "aarch64": _Machine(
        audit=0xC00000B7,
        computing={
            **{"read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "pread64": 67},
            **{"mmap": 222, "mprotect": 226, "munmap": 215, "brk": 214, "mremap": 216},
            **{"madvise": 233, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139},
            **{"sigaltstack": 132, "futex": 98, "sched_yield": 124, "getpid": 172, "gettid": 178},
            **{"clock_gettime": 113, "getrandom": 278, "restart_syscall": 128},
            **{"exit": 93, "exit_group": 94},
        },
        reading_files={"newfstatat": 79, "statx": 291, "getdents64": 61, "fcntl": 25},
        openat=56,
    ),
}


def limit(*, memory: int, cpu_seconds: int, seconds: int) -> None:
    """Bound what this process takes: bytes of address space, seconds of processor and of clock.

    Soft and hard limits are the same but for processor time: at the hard one a process is killed
    as by a node without memory. When nobody is left to end this process, it ends itself.
    """
    signal.alarm(seconds + 1)
    for what, most in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, _MAX_FILE_BYTES),
        (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = most + 1 if what == resource.RLIMIT_CPU else most
        allowed = resource.getrlimit(what)[1]
        if allowed != resource.RLIM_INFINITY:
            most, hard = min(most, allowed), min(hard, allowed)
        resource.setrlimit(what, (most, hard))


def forbid_system_calls(*, but_reading_files: bool = False) -> bool:
    """Leave this process the calls that compute; False where the kernel has no such filter.

    With `but_reading_files` it may still open files to read them, by any name.
    """
    machine = _MACHINES.get(platform.machine()) if sys.platform == "linux" else None
    if machine is None:
        return False
    program = _program(machine, but_reading_files)
    instructions = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        """struct sock_fprog of <linux/filter.h>."""

        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    filtering = Program(len(program) // 8, ctypes.addressof(instructions))
    return _prctl(_SET_NO_NEW_PRIVILEGES, 1) and _prctl(
        _SET_SECCOMP, _FILTER_MODE, ctypes.addressof(filtering)
    )


def end_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it ends; Linux alone can."""
    if sys.platform == "linux":
        _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _prctl(option: int, *arguments: int) -> bool:
    words = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    return int(ctypes.CDLL(None).prctl(ctypes.c_int(option), *words)) == 0


def _program(machine: _Machine, but_reading_files: bool) -> bytes:
    """As the kernel takes it: 8 bytes an instruction."""
    calls = [*machine.computing.values()]
    instructions = [
        _instruction(_LOAD, _AT_MACHINE),
        _instruction(_EQUAL, machine.audit, yes=1),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _AT_NUMBER),
    ]
    if but_reading_files:
        calls += machine.reading_files.values()
        instructions += [
            _instruction(_EQUAL, machine.openat, no=5),
            _instruction(_LOAD, _AT_OPEN_FLAGS),
            _instruction(_AND, _MAY_CHANGE),
            _instruction(_EQUAL, os.O_RDONLY, no=1),
            _instruction(_RETURN, _ALLOW),
            _instruction(_RETURN, _REFUSE),
        ]
    instructions += _allowed(calls)
    return b"".join([*instructions, _instruction(_RETURN, _REFUSE)])


def _allowed(calls: Iterable[int]) -> Iterable[bytes]:
    for call in calls:
        yield _instruction(_EQUAL, call, no=1)
        yield _instruction(_RETURN, _ALLOW)


def _instruction(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """`yes` and `no` are how many instructions a comparison leaps over."""
    return struct.pack("=HBBI", code, yes, no, value)
