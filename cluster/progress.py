"""What is going on and what is waited for, one line each with the seconds since the start."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

POLL = 0.1  # seconds between two looks at what is waited for
REMIND = 10.0  # seconds of silence after which a wait is named again


class TimeoutExpired(RuntimeError):
    """Something awaited did not happen; the message says what, and where to look."""


@dataclass(frozen=True)
class Progress:
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    started: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.started:6.1f}s  {text}", file=self.stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        began = time.monotonic()
        self.say(f"{text} …")
        yield
        self.say(f"{text}: done in {time.monotonic() - began:.1f} s")

    def wait(
        self,
        what: str,
        ready: Callable[[], bool],
        *,
        seconds: float,
        check: Callable[[], None] = lambda: None,
        hint: Callable[[], str] = lambda: "",
    ) -> None:
        """Return once `ready()`. `check` raises when waiting is in vain; `hint` helps after it."""
        began = spoken = time.monotonic()
        while not ready():
            check()
            now = time.monotonic()
            if now - began > seconds:
                explanation = hint()
                raise TimeoutExpired(
                    f"{what}: not within {seconds:.0f} s" + (f"; {explanation}" * bool(explanation))
                )
            if now - spoken > REMIND:
                self.say(f"still waiting for {what}")
                spoken = now
            time.sleep(POLL)
        self.say(f"{what}: after {time.monotonic() - began:.1f} s")


class Silent(Progress):
    """For tests, where only a failure is worth a line."""

    def say(self, text: str) -> None:
        pass
