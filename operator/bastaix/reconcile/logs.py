"""The logs of workers whose failure Ray Serve cannot explain: each is read once a failure."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bastaix.observe import logs
from bastaix.observe.observed import Object, Observed
from bastaix.reconcile.cluster import Cluster, NoAnswer, Refused
from bastaix.reconcile.index import Name

LONGEST_SECONDS: Final = 5.0
"""A node that is gone does not answer; what is known without its log must not wait for it."""


MOST_TRIES: Final = 4
"""Each after twice the time: a kubelet that is started anew answers again."""
_FINAL: Final = frozenset({400, 403, 404})
"""An older chart's rights, or a Pod that is gone: there is nothing to be read."""

Key = tuple[str, str]
"""The uid of a Pod, and what Ray Serve says of its app."""


@dataclass(frozen=True)
class _Read:
    at: datetime
    errors: tuple[str, ...] | None
    tries: int = 1

    @property
    def is_over(self) -> bool:
        return self.errors is not None or self.tries >= MOST_TRIES

    def told(self) -> tuple[str, ...] | None:
        return () if self.errors is None and self.is_over else self.errors


class Logs:
    def __init__(self, cluster: Cluster, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._now = now
        self._read: dict[Name, dict[Key, _Read]] = {}

    async def told(self, name: Name, observed: Observed) -> Observed:
        """With the errors in what they have written, by the uid of the Pod."""
        before = self._read.get(name, {})
        wanted = {(pod["metadata"]["uid"], said): pod for pod, said in logs.wanted(observed)}
        due = [key for key in wanted if self._is_due(before.get(key))]
        # at the same time, as each of them may hang
        read = await asyncio.gather(*(self._asked(wanted[key], before.get(key)) for key in due))
        known = {**before, **dict(zip(due, read, strict=True))}
        found = {key: known[key] for key in wanted}
        self._read[name] = found
        return replace(observed, logs={uid: each.told() for (uid, _), each in found.items()})

    def forget(self, name: Name) -> None:
        self._read.pop(name, None)

    def _is_due(self, last: _Read | None) -> bool:
        if last is None:
            return True
        wait = logs.AGAIN_SECONDS * 2.0 ** (last.tries - 1)
        return not last.is_over and (self._now() - last.at).total_seconds() >= wait

    async def _asked(self, pod: Object, before: _Read | None) -> _Read:
        now, tries = self._now(), 1 if before is None else before.tries + 1
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return _Read(now, logs.errors(await self._cluster.log(pod)), tries)
        except Refused as refused:
            return _Read(now, () if refused.status in _FINAL else None, tries)
        except (NoAnswer, TimeoutError):
            return _Read(now, None, tries)
