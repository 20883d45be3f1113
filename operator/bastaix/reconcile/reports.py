"""Tells what became of a look: the status where it is new, an Event where readiness changed.

What there is to tell is decided in `rollout.status`; what counts as new, here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bastaix.api import names, reasons
from bastaix.api.conditions import READY, find_condition
from bastaix.observe.startup import finished
from bastaix.reconcile import kinds
from bastaix.reconcile.cluster import Cluster, Recorder, Tally
from bastaix.reconcile.index import Body, Name
from bastaix.reconcile.omissions import Path, without
from bastaix.reconcile.plan import Told
from bastaix.reconcile.refusals import OUTDATED_SECONDS
from bastaix.rollout.memory import Memory, fields
from bastaix.rollout.status import ours


class Reports:
    def __init__(
        self, cluster: Cluster, recorder: Recorder, tally: Tally, now: Callable[[], datetime]
    ) -> None:
        self._cluster = cluster
        self._now = now
        self._recorder = recorder
        self._tally = tally
        self._started: dict[Name, str] = {}
        self._omitted: dict[Name, tuple[datetime, frozenset[Path]]] = {}
        """Since when a CRD was found not to take parts of a status, and which."""

    def forget(self, name: Name) -> None:
        self._tally.gone(name)
        self._started.pop(name, None)
        self._omitted.pop(name, None)

    async def remember(self, body: Body, memory: Memory) -> Body:
        """Write what is remembered, the rest as it was told last; gives the object as it is then.

        It has no memory then if the CRD has no field for it.
        """
        return await self._write(
            body, {**ours(body.get("status") or {}), "rollout": fields(memory)}
        )

    async def report(
        self, body: Body, wanted: dict[str, Any], events: tuple[Told, ...] = ()
    ) -> Body:
        """Write the status if it says something new, and tell a change of readiness.

        What `events` have told of is not told twice. Gives the object as it is then.
        """
        name = body["metadata"]["namespace"], body["metadata"]["name"]
        ready = find_condition(wanted["conditions"], READY) or {}
        self._tally.standing(name, ready["status"] == "True", ready["reason"])
        old = body.get("status") or {}
        omitted = self._lacking(name)
        if _comparable(without(old, omitted)) == _comparable(without(wanted, omitted)):
            return body
        written = await self._write(body, wanted)
        self._measure(name, old.get("startup") or {}, wanted.get("startup") or {})
        before = find_condition(old.get("conditions") or (), READY)
        known = {event.reason.name for event in events} | ({before["reason"]} if before else set())
        good = reasons.BY_NAME[ready["reason"]].severity == "info"
        # that a new one makes progress is no news, that it fails at once is
        if ready["reason"] not in known and (before is not None or not good):
            await self._recorder.record(
                body, reason=ready["reason"], note=ready["message"], good=good
            )
        return written

    async def _write(self, body: Body, wanted: Mapping[str, Any]) -> Body:
        """Refused with 409 if the object has changed since: then that is to be looked at first."""
        metadata = body["metadata"]
        name = metadata["namespace"], metadata["name"]
        manifest = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            # the uid, so that it never lands on another object that has got the name since
            "metadata": {
                "namespace": name[0],
                "name": name[1],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "status": wanted,
        }
        omitted = await self._cluster.apply_status(kinds.MODELDEPLOYMENT, manifest)
        self._omitted.pop(name, None)
        if omitted:
            paths = frozenset(tuple(path.split(".")) for path in omitted)
            self._omitted[name] = self._now(), paths
        return await self.renewed(body)

    def _lacking(self, name: Name) -> frozenset[Path]:
        """What was left out of the last status, until it is time to see whether the CRD has it."""
        since, paths = self._omitted.get(name, (self._now(), frozenset()))
        is_recent = (self._now() - since).total_seconds() < OUTDATED_SECONDS
        return paths if is_recent else frozenset()

    async def renewed(self, body: Body) -> Body:
        """The object with its status as it stands now; its spec is the one that was looked at."""
        metadata = body["metadata"]
        name = metadata["namespace"], metadata["name"]
        found = await self._cluster.read(kinds.MODELDEPLOYMENT, name) or body
        version = found["metadata"]["resourceVersion"]
        return {
            **body,
            "metadata": {**metadata, "resourceVersion": version},
            "status": found.get("status") or {},
        }

    def _measure(self, name: Name, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Once for each start, though a status is at times compared with one before the last."""
        phases = finished(old, new)
        if phases is not None and self._started.get(name) != new["created"]:
            self._started[name] = new["created"]
            self._tally.startup(phases)


def _comparable(status: Mapping[str, Any]) -> dict[str, Any]:
    """Our part, without the order of what are maps to the API server."""
    part = ours(status)
    rollout = part.get("rollout") or {}
    revisions = {each["revision"]: each for each in rollout.get("revisions") or ()}
    return {
        **part,
        "conditions": {each["type"]: each for each in part["conditions"]},
        "rollout": {**rollout, "revisions": revisions},
    }
