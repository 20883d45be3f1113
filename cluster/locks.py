"""Locks between processes that a killed holder cannot leave behind."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from cluster import paths


class Busy(RuntimeError):
    """Another process holds the lock."""


@contextmanager
def lock(name: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock `name`; the kernel releases it when this process ends, however it ends."""
    paths.LOCKS.mkdir(parents=True, exist_ok=True)
    with (paths.LOCKS / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Busy(f"another process holds {file.name}; wait until it is done") from None
        yield
