"""What the apps answered: when asked, remembered, and forgotten when it counts no more.

A right answer counts for as long as Pods stand behind the Service; when none does, it is
forgotten, so that the app is asked again when they are back. After a restart of the operator
the status tells what was answered before, and nobody is asked.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from bastaix.api import reasons
from bastaix.api.conditions import SERVING, find_condition
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import CheckResult, Observed
from bastaix.reconcile.cluster import Probe, Tally
from bastaix.reconcile.index import Name

_REASONS: Final = {
    "right": reasons.READY,
    "wrong": reasons.WRONG_ANSWER,
    "unreachable": reasons.PROBE_UNREACHABLE,
}


class Answers:
    def __init__(self, probe: Probe, tally: Tally, now: Callable[[], datetime]) -> None:
        self._probe = probe
        self._tally = tally
        self._now = now
        self._born = now().replace(microsecond=0)  # the API server has whole seconds
        self._last: dict[Name, CheckResult] = {}
        self._measured: dict[Name, str] = {}

    async def ask(self, md: ModelDeployment, observed: Observed, revision: str) -> None:
        """Ask the app behind the stable Service, and remember how it went."""
        name = md.namespace, md.name
        answer = await self._probe.ask(md.spec.app.check, name)
        self._last[name] = CheckResult(
            revision=revision,
            ok=answer.outcome == "right",
            reason=_REASONS[answer.outcome],
            message=answer.message,
            at=self._now(),
        )
        if answer.outcome == "right" and observed.rayservice is not None:
            self._measure(name, observed.rayservice["metadata"])

    def recall(self, md: ModelDeployment, observed: Observed) -> CheckResult | None:
        """The last answer, if it still counts."""
        name = md.namespace, md.name
        last = self._last.get(name) or self._reported(md)
        if last is not None and last.ok and not observed.has_endpoints(last.revision):
            self._last.pop(name, None)
            return None
        return last

    def forget(self, name: Name) -> None:
        self._last.pop(name, None)
        self._measured.pop(name, None)

    def _reported(self, md: ModelDeployment) -> CheckResult | None:
        serving = find_condition(md.status.get("conditions") or (), SERVING) or {}
        revision = (md.status.get("active") or {}).get("revision")
        if serving.get("status") != "True" or revision is None:
            return None
        return CheckResult(
            revision=revision,
            ok=True,
            reason=reasons.READY,
            message=str(serving.get("message", "")),
            at=self._now(),
        )

    def _measure(self, name: Name, metadata: dict[str, Any]) -> None:
        """Once for each RayService, and only if this process has been there from its beginning."""
        created = datetime.fromisoformat(metadata["creationTimestamp"])
        if self._measured.get(name) != metadata["uid"] and created >= self._born:
            self._measured[name] = metadata["uid"]
            self._tally.first_answer((self._now() - created).total_seconds())
