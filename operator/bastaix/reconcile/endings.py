"""How Pods of Ray have ended, remembered for a while: nothing in the cluster does that.

After a restart of the operator it is counted anew; what loops comes back soon enough.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from bastaix.observe import ends
from bastaix.observe.observed import End, Observed
from bastaix.reconcile.index import Name

MOST: Final = 20


class Endings:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._ends: dict[Name, tuple[End, ...]] = {}

    def told(self, name: Name, observed: Observed) -> Observed:
        """With the ends of its Pods so far, the last one last."""
        now, known = self._now(), self._ends.get(name, ())
        seen = {each.uid for each in known}
        new = (ends.end(pod, now) for pod in observed.pods if pod["metadata"]["uid"] not in seen)
        # those whose Pods are still there included: it is the end that was long ago
        told = [each for each in (*known, *new) if each is not None and now - each.at < ends.SOON]
        found = tuple(sorted(told, key=lambda each: (each.at, each.uid)))[-MOST:]
        if found:
            self._ends[name] = found
        else:
            self._ends.pop(name, None)
        return replace(observed, ends=found)

    def forget(self, name: Name) -> None:
        self._ends.pop(name, None)
