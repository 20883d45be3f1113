"""What failed, and when it is to be tried again: kept by the process and by nobody else.

A restart tries each once more, which is how a newer version comes to correct a verdict.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Final

from bastaix.api.reasons import Finding
from bastaix.reconcile.index import Name
from bastaix.source.failure import SourceFailure

FIRST_SECONDS: Final = 5.0
LAST_SECONDS: Final = 600.0
LONGEST_WISH: Final = 3600.0
"""No host is obeyed for longer."""
JITTER: Final = 0.2
FIRST_POLL, LAST_POLL = 5.0, 60.0
"""Seconds between two looks at a Secret whose change would bring a try: who has just seen that it
is wrong puts it right within minutes."""
POLL_PART: Final = 1 / 6
"""Of the time since it failed first."""
POLLS_OF_NAMESPACE, POLLS_OF_ALL = 2.0, 20.0
"""Looks a second at most, however many sources have failed."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    case: Hashable
    """All that the verdict depends on and that can be seen: another case is tried at once."""
    finding: Finding
    since: float
    """When the case failed first."""
    due: float
    count: int


class Retries:
    def __init__(self, clock: Callable[[], float], random: Random) -> None:
        self._clock = clock
        self._random = random
        self._by_name: dict[Name, Failed] = {}
        self._pauses: dict[Hashable, float] = {}

    def recall(self, name: Name, case: Hashable) -> Failed | None:
        """The failure that still counts: of this case, and not yet to be tried again."""
        failed = self._by_name.get(name)
        if failed is None or failed.case != case or failed.due <= self._clock():
            return None
        return failed

    def remember(self, name: Name, case: Hashable, failure: SourceFailure) -> Failed:
        before = self._by_name.get(name)
        is_same = before is not None and before.case == case
        now = self._clock()
        count = before.count + 1 if before is not None and is_same else 1
        since = before.since if before is not None and is_same else now
        due = now + self._delay(failure, count)
        failed = Failed(case=case, finding=failure.finding, since=since, due=due, count=count)
        self._by_name[name] = failed
        return failed

    def pause(self, asker: Hashable, failure: SourceFailure) -> None:
        """A host's wish holds for all that this asker may want of it, whatever changes there."""
        now = self._clock()
        self._pauses = {key: until for key, until in self._pauses.items() if until > now}
        if failure.after is not None:
            self._pauses[asker] = now + _bounded(failure.after)

    def pause_left(self, asker: Hashable) -> float:
        return max(0.0, self._pauses.get(asker, 0.0) - self._clock())

    def forget(self, name: Name) -> None:
        self._by_name.pop(name, None)

    def left(self, failed: Failed) -> float | None:
        """The seconds until the next try; None when only a change can bring one."""
        return None if failed.due == inf else max(0.0, failed.due - self._clock())

    def poll(self, name: Name, failed: Failed) -> float:
        """The seconds until its Secret is looked at again."""
        waited = (self._clock() - failed.since) * POLL_PART
        neighbours = sum(other[0] == name[0] for other in self._by_name)
        crowd = max(neighbours / POLLS_OF_NAMESPACE, len(self._by_name) / POLLS_OF_ALL)
        return max(min(max(waited, FIRST_POLL), LAST_POLL), crowd)

    def _delay(self, failure: SourceFailure, count: int) -> float:
        if failure.reason.heals == "never":
            return inf
        if failure.after is not None:
            # never before the host said so, and not all at the same moment
            return _bounded(failure.after) * self._random.uniform(1, 1 + JITTER)
        delay = min(LAST_SECONDS / (1 + JITTER), FIRST_SECONDS * 2.0 ** min(count - 1, 20))
        return delay * self._random.uniform(1 - JITTER, 1 + JITTER)


def _bounded(wish: float) -> float:
    return min(max(wish, 1.0), LONGEST_WISH)
