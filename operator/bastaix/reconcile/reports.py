"""Tells what became of a look: the status where it is new, an Event where readiness changed.

What there is to tell is decided in `rollout.status`; what counts as new, here.
"""

from collections.abc import Mapping
from typing import Any

from bastaix.api import names, reasons
from bastaix.api.conditions import READY, find_condition
from bastaix.observe.startup import finished
from bastaix.reconcile import kinds
from bastaix.reconcile.cluster import Cluster, Recorder, Tally
from bastaix.reconcile.index import Body, Name
from bastaix.reconcile.plan import Told
from bastaix.rollout.status import ours


class Reports:
    def __init__(self, cluster: Cluster, recorder: Recorder, tally: Tally) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self._tally = tally
        self._started: dict[Name, str] = {}

    def forget(self, name: Name) -> None:
        self._tally.gone(name)
        self._started.pop(name, None)

    async def report(
        self, body: Body, wanted: dict[str, Any], events: tuple[Told, ...] = ()
    ) -> None:
        """Write the status if it says something new, and tell a change of readiness.

        What `events` have told of is not told twice.
        """
        name = body["metadata"]["namespace"], body["metadata"]["name"]
        ready = find_condition(wanted["conditions"], READY) or {}
        self._tally.standing(name, ready["status"] == "True", ready["reason"])
        old = body.get("status") or {}
        if _comparable(old) == _comparable(wanted):
            return
        manifest = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            # the uid, so that it never lands on another object that has got the name since
            "metadata": {
                "namespace": name[0],
                "name": name[1],
                "uid": body["metadata"]["uid"],
            },
            "status": wanted,
        }
        await self._cluster.apply_status(kinds.MODELDEPLOYMENT, manifest)
        self._measure(name, old.get("startup") or {}, wanted.get("startup") or {})
        before = find_condition(old.get("conditions") or (), READY)
        told = {each.reason.name for each in events}
        if before is not None and ready["reason"] not in told | {before["reason"]}:
            good = reasons.BY_NAME[ready["reason"]].severity == "info"
            await self._recorder.record(
                body, reason=ready["reason"], note=ready["message"], good=good
            )

    def _measure(self, name: Name, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Once for each start, though a status is at times compared with one before the last."""
        phases = finished(old, new)
        if phases is not None and self._started.get(name) != new["created"]:
            self._started[name] = new["created"]
            self._tally.startup(phases)


def _comparable(status: Mapping[str, Any]) -> dict[str, Any]:
    """Our part, without the order of its conditions, which is a map to the API server."""
    part = ours(status)
    return {**part, "conditions": {each["type"]: each for each in part["conditions"]}}
