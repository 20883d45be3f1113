"""How many sources are fetched at once: of all, and of one namespace.

A host decides how long a fetch takes, so who may name hosts could keep everybody else waiting.
Who gets no turn comes again a moment later, as a worker that waits would be one less.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bastaix.api import reasons
from bastaix.api.errors import Waiting

AFTER_SECONDS: Final = 2.0


class Turns:
    def __init__(self, *, at_once: int, of_namespace: int) -> None:
        self._at_once = at_once
        self._of_namespace = of_namespace
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, namespace: str) -> Iterator[None]:
        """Waiting if none is left."""
        if self._taken[namespace] >= self._of_namespace:
            raise _waiting(f"other sources of namespace {namespace} are being fetched")
        if self._taken.total() >= self._at_once:
            raise _waiting("other sources are being fetched")
        self._taken[namespace] += 1
        try:
            yield
        finally:
            self._taken[namespace] -= 1
            self._taken += Counter()  # without those that have none


def _waiting(why: str) -> Waiting:
    return Waiting(reasons.FETCHING_SOURCE, f"It waits for its turn: {why}.", AFTER_SECONDS)
