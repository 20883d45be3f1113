"""A client that never stops asking, each time over a new connection, until the test is done.

It is no load tool: it shows whether an endpoint answered all the time, one request after another.
"""

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from demo import steps

LONGEST_SECONDS = 1200.0
PAUSE_SECONDS = 0.05


@dataclass
class Asking:
    """`with Asking(address, model) as asking:`; afterwards `failures` says what went wrong."""

    address: str
    model: str
    question: str = "hello"
    expected: str = "hello"
    """In each answer."""
    pause: float = PAUSE_SECONDS
    timeout: float = 10
    answered: int = 0
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stop.wait(self.pause) and time.monotonic() - began < LONGEST_SECONDS:
            try:
                answer = steps.ask(self.address, self.model, self.question, timeout=self.timeout)
                said = steps.text(answer)
            except (OSError, ValueError) as error:
                self.failures.append(f"after {time.monotonic() - began:.1f} s: {error!r}")
                continue
            if self.expected not in said:
                self.failures.append(f"after {time.monotonic() - began:.1f} s: {said!r}")
            self.answered += 1
