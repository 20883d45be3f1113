"""What Events say of volumes that are not mounted: read for the Pods that wait for them alone.

Nothing wakes the operator when an Event is written, and a watch on Events would bring those of
the whole cluster; so they are read now and then, the more seldom the longer a Pod waits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bastaix.observe import mounting
from bastaix.observe.observed import Object, Observed
from bastaix.reconcile.cluster import Cluster, Refused
from bastaix.reconcile.index import Name

FIRST_SECONDS: Final = 2.0
SELDOM: Final = 0.25
"""Of the time that a Pod has waited goes by until its Events are read again."""


@dataclass(frozen=True)
class _Read:
    at: datetime
    complaint: str | None


class Mounts:
    def __init__(self, cluster: Cluster, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._now = now
        self._read: dict[Name, dict[str, _Read]] = {}

    async def told(self, name: Name, observed: Observed) -> Observed:
        """With what is not mounted, by the uid of the Pod."""
        now, before = self._now(), self._read.get(name, {})
        found: dict[str, _Read] = {}
        for pod in observed.pods:
            waited = mounting.waited(pod, now)
            if waited is None or waited < FIRST_SECONDS:
                continue
            last = before.get(uid := pod["metadata"]["uid"])
            is_due = last is None or (now - last.at).total_seconds() >= every(waited)
            found[uid] = await self._asked(pod, waited) if last is None or is_due else last
        self._read[name] = found
        complaints = {uid: each.complaint for uid, each in found.items() if each.complaint}
        return replace(observed, unmounted=complaints)

    def forget(self, name: Name) -> None:
        self._read.pop(name, None)

    async def _asked(self, pod: Object, waited: float) -> _Read:
        try:
            events = await self._cluster.events(pod)
        except Refused:  # an older chart's rights; what else is known stays known
            events = ()
        return _Read(self._now(), mounting.complaint(events, waited))


def every(waited: float) -> float:
    """Seconds until the Events of a Pod are read again that has waited for so long."""
    return max(FIRST_SECONDS, waited * SELDOM)
