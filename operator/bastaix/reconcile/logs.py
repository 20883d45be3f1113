"""The logs of workers whose failure Ray Serve cannot explain: each is read once a failure."""

import asyncio
from dataclasses import replace
from typing import Final

from bastaix.observe import logs
from bastaix.observe.observed import Object, Observed
from bastaix.reconcile.cluster import Cluster, Refused
from bastaix.reconcile.index import Name

LONGEST_SECONDS: Final = 5.0
"""A node that is gone does not answer; what is known without its log must not wait for it."""


class Logs:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._read: dict[Name, dict[tuple[str, str], tuple[str, ...]]] = {}

    async def told(self, name: Name, observed: Observed) -> Observed:
        """With the errors in what they have written, by the uid of the Pod."""
        before = self._read.pop(name, {})
        wanted = {(pod["metadata"]["uid"], said): pod for pod, said in logs.wanted(observed)}
        new = [key for key in wanted if key not in before]
        # at the same time, as each of them may hang
        read = await asyncio.gather(*(self._asked(wanted[key]) for key in new))
        known = {**before, **dict(zip(new, read, strict=True))}
        found = {key: known[key] for key in wanted}
        if found:
            self._read[name] = found
        return replace(observed, logs={uid: errors for (uid, _), errors in found.items()})

    def forget(self, name: Name) -> None:
        self._read.pop(name, None)

    async def _asked(self, pod: Object) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return logs.errors(await self._cluster.log(pod))
        except (Refused, TimeoutError):  # an older chart's rights, or a Pod on its way out
            return ()
