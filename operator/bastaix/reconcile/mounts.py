"""What keeps Pods from their volumes: read for the Pods that wait for them alone.

Nothing wakes the operator when an Event is written or a claim changes, and to watch them would
bring those of the whole cluster; so they are read now and then, the more seldom the longer a Pod
waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bastaix.observe import binding, mounting
from bastaix.observe.observed import Object, Observed
from bastaix.reconcile.cluster import Cluster, NoAnswer, Refused
from bastaix.reconcile.index import Name

PATIENCE_SECONDS: Final = 5.0
"""What is known without them must not wait for an API server that is slow."""

Read = Callable[[Object, float], Awaitable[str | None]]
"""What is to be said of a Pod that has waited for so many seconds; None: nothing."""


@dataclass(frozen=True)
class _Reading:
    at: datetime
    complaint: str | None


class Mounts:
    def __init__(self, cluster: Cluster, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._now = now
        self._unmounted = _Readings(self._mount_complaint, now)
        self._unbound = _Readings(self._claim_complaint, now)

    async def told(self, name: Name, observed: Observed) -> Observed:
        """With what is not mounted, and which claims are not bound, by the uid of the Pod."""
        now = self._now()
        unmounted, unbound = await asyncio.gather(
            self._unmounted.complaints(name, mounting.wanted(observed, now)),
            self._unbound.complaints(name, binding.wanted(observed, now)),
        )
        return replace(observed, unmounted=unmounted, unbound=unbound)

    def forget(self, name: Name) -> None:
        self._unmounted.forget(name)
        self._unbound.forget(name)

    async def _mount_complaint(self, pod: Object, waited: float) -> str | None:
        return mounting.complaint(await self._cluster.events(pod), waited)

    async def _claim_complaint(self, pod: Object, waited: float) -> str | None:
        for name in binding.claims(pod):
            claim = await self._cluster.claim(pod["metadata"]["namespace"], name)
            if claim is not None and binding.is_pending(claim):
                return binding.complaint(claim, await self._cluster.events(claim))
        return None


class _Readings:
    """Of one kind, remembered until the next is due."""

    def __init__(self, read: Read, now: Callable[[], datetime]) -> None:
        self._read = read
        self._now = now
        self._last: dict[Name, dict[str, _Reading]] = {}

    async def complaints(
        self, name: Name, wanted: Iterable[tuple[Object, float]]
    ) -> Mapping[str, str]:
        """By the uid of each Pod that is wanted and of which there is something to say."""
        before = self._last.get(name, {})
        waiting = {
            pod["metadata"]["uid"]: (pod, waited)
            for pod, waited in wanted
            if waited >= mounting.FIRST_SECONDS
        }
        due = [uid for uid, (_, waited) in waiting.items() if self._is_due(before.get(uid), waited)]
        read = await asyncio.gather(*(self._asked(*waiting[uid], before.get(uid)) for uid in due))
        known = {**before, **dict(zip(due, read, strict=True))}
        found = {uid: known[uid] for uid in waiting}
        self._last[name] = found
        return {uid: reading.complaint for uid, reading in found.items() if reading.complaint}

    def forget(self, name: Name) -> None:
        self._last.pop(name, None)

    def _is_due(self, last: _Reading | None, waited: float) -> bool:
        return last is None or (self._now() - last.at).total_seconds() >= mounting.every(waited)

    async def _asked(self, pod: Object, waited: float, last: _Reading | None) -> _Reading:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return _Reading(self._now(), await self._read(pod, waited))
        except (Refused, NoAnswer, TimeoutError):
            # an older chart's rights, or a trouble of the API server's: what is known stays known
            return _Reading(self._now(), None if last is None else last.complaint)
