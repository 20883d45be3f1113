"""Kubernetes Events on a ModelDeployment, so that `kubectl describe` tells its story.

Written when readiness changes its reason and at no other time. What is said again soon is counted
on the Event that there is, so two reasons in turn are two Events. An Event is a courtesy: when it
cannot be written that is logged, and nothing else comes of it.
"""

import logging
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bastaix.api import names
from bastaix.kube.cluster import Client
from bastaix.reconcile.cluster import NoAnswer, Refused
from bastaix.reconcile.kinds import Kind

EVENT: Final = Kind("events.k8s.io", "v1", "events", "Event")
MERGE_PATCH: Final = "application/merge-patch+json"
LONGEST_NOTE: Final = 1000
SOON: Final = timedelta(minutes=10)
"""After so long without it, it is told anew."""
MOST_NOTES: Final = 5
"""With one reason, soon after one another; with yet another note it is counted on the last."""
MOST_REMEMBERED: Final = 1000
"""Of all namespaces; what is forgotten is told anew."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Said:
    uid: str
    type: str
    reason: str
    note: str

    def is_like(self, other: "_Said") -> bool:
        """But for the note."""
        return (self.uid, self.type, self.reason) == (other.uid, other.type, other.reason)


@dataclass(frozen=True)
class _Written:
    name: str
    count: int
    at: datetime


class EventWriter:
    """`reconcile.cluster.Recorder` over a Client."""

    def __init__(self, client: Client, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._instance = socket.gethostname()[:128]
        self._recent: dict[_Said, _Written] = {}
        """The one told longest ago is the first."""

    async def record(self, body: Mapping[str, Any], *, reason: str, note: str, good: bool) -> None:
        metadata, now = body["metadata"], self._now()
        self._forget_old(now)
        type = "Normal" if good else "Warning"
        said = self._counted_as(_Said(metadata["uid"], type, reason, note[:LONGEST_NOTE]))
        try:
            if not await self._count(metadata["namespace"], said, now):
                await self._create(metadata, said, now)
        except (Refused, NoAnswer) as error:
            logger.warning(
                "the Event %s on %s/%s was not written: %s",
                reason,
                metadata["namespace"],
                metadata["name"],
                error,
            )

    def _forget_old(self, now: datetime) -> None:
        while self._recent:
            first = next(iter(self._recent))
            if now - self._recent[first].at < SOON:
                return
            del self._recent[first]

    def _remember(self, said: _Said, written: _Written) -> None:
        self._recent.pop(said, None)
        self._recent[said] = written
        while len(self._recent) > MOST_REMEMBERED:
            del self._recent[next(iter(self._recent))]

    def _counted_as(self, said: _Said) -> _Said:
        alike = [each for each in self._recent if each.is_like(said)]
        return said if said in alike or len(alike) < MOST_NOTES else alike[-1]

    async def _count(self, namespace: str, said: _Said, now: datetime) -> bool:
        """False: there is none of it to count on, or no more."""
        written = self._recent.get(said)
        if written is None:
            return False
        count = written.count + 1
        patch = {"series": {"count": count, "lastObservedTime": _micro(now)}}
        path = EVENT.path(namespace, written.name)
        try:
            await self._client.request("PATCH", path, patch, content_type=MERGE_PATCH)
        except Refused as refused:
            if refused.status != 404:
                raise
            return False
        self._remember(said, _Written(written.name, count, now))
        return True

    async def _create(self, metadata: Mapping[str, Any], said: _Said, now: datetime) -> None:
        name = f"{metadata['name']}.{secrets.token_hex(8)}"
        manifest = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "eventTime": _micro(now),
            "reportingController": names.FIELD_MANAGER,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "reason": said.reason,
            "type": said.type,
            "note": said.note,
            "regarding": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        }
        await self._client.request("POST", EVENT.path(metadata["namespace"]), manifest)
        self._remember(said, _Written(name, 1, now))


def _micro(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
