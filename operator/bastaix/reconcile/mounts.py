"""What Events say of volumes that are not mounted: read for the Pods that wait for them alone.

Nothing wakes the operator when an Event is written, and a watch on Events would bring those of
the whole cluster; so they are read now and then, the more seldom the longer a Pod waits.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bastaix.observe import mounting
from bastaix.observe.observed import Object, Observed
from bastaix.reconcile.cluster import Cluster, NoAnswer, Refused
from bastaix.reconcile.index import Name

PATIENCE_SECONDS: Final = 5.0
"""What is known without them must not wait for an API server that is slow."""


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
        before = self._read.get(name, {})
        wanted = mounting.wanted(observed, self._now())
        waiting = {
            pod["metadata"]["uid"]: (pod, waited)
            for pod, waited in wanted
            if waited >= mounting.FIRST_SECONDS
        }
        due = [uid for uid, (_, waited) in waiting.items() if self._is_due(before.get(uid), waited)]
        read = await asyncio.gather(*(self._asked(*waiting[uid], before.get(uid)) for uid in due))
        known = {**before, **dict(zip(due, read, strict=True))}
        found = {uid: known[uid] for uid in waiting}
        self._read[name] = found
        complaints = {uid: each.complaint for uid, each in found.items() if each.complaint}
        return replace(observed, unmounted=complaints)

    def forget(self, name: Name) -> None:
        self._read.pop(name, None)

    def _is_due(self, last: _Read | None, waited: float) -> bool:
        return last is None or (self._now() - last.at).total_seconds() >= mounting.every(waited)

    async def _asked(self, pod: Object, waited: float, last: _Read | None) -> _Read:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                events = await self._cluster.events(pod)
        except (Refused, NoAnswer, TimeoutError):
            # an older chart's rights, or a trouble of the API server's: what is known stays known
            return _Read(self._now(), None if last is None else last.complaint)
        return _Read(self._now(), mounting.complaint(events, waited))
