"""A bound on judging: a pattern may take longer than the universe lasts.

Python's regular expressions cannot be interrupted by another thread, but they look for signals.
So this works in the main thread, where both the Job and a laptop judge; elsewhere it bounds
nothing.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class TooSlow(Exception):
    """It has taken all its time."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
