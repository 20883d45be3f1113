"""What the apps answered: when asked, remembered, and forgotten when it counts no more.

An answer is one to a certain check, and counts for as long as Pods stand behind the Service;
when none does, it is forgotten, so that the app is asked again when they are back. After a
restart of the operator the status tells what was answered before, and nobody is asked.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from bastaix.api import reasons
from bastaix.api.conditions import SERVING, find_condition
from bastaix.api.v1alpha1 import Check, ModelDeployment
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
        self._seen: set[Name] = set()  # whose status tells nothing that is not known better
        self._measured: dict[Name, str] = {}

    async def ask(self, md: ModelDeployment, observed: Observed, revision: str) -> None:
        """Ask the app behind the stable Service, and remember how it went."""
        name = md.namespace, md.name
        before = self.recall(md, observed)
        again = before is not None and not before.ok and before.revision == revision
        answer = await self._probe.ask(md.spec.app.check, name)
        self._last[name] = CheckResult(
            revision=revision,
            ok=answer.outcome == "right",
            reason=_REASONS[answer.outcome],
            message=answer.message,
            at=self._now(),
            asked=_digest(md.spec.app.check),
            failures=before.failures + 1 if before is not None and again else 1,
        )
        if answer.outcome == "right" and observed.rayservice is not None:
            self._measure(name, observed.rayservice["metadata"])

    def recall(
        self, md: ModelDeployment, observed: Observed, *, held: bool = False
    ) -> CheckResult | None:
        """The last answer, if it still counts.

        Held says that the active revision is not of this spec, so that the spec's check may
        not be meant for it: then an answer to any check counts.
        """
        name = md.namespace, md.name
        reported = None if name in self._seen else self._reported(md, held)
        self._seen.add(name)
        last = self._last.get(name, reported)
        if last is None:
            return None
        other = last.asked != _digest(md.spec.app.check) and not held
        if other or not observed.has_endpoints(last.revision):
            self._last.pop(name, None)
            return None
        self._last[name] = last
        return last

    def doubt(self, name: Name) -> None:
        """What was answered may have come from elsewhere: it is to be asked again."""
        self._last.pop(name, None)

    def forget(self, name: Name) -> None:
        self._last.pop(name, None)
        self._seen.discard(name)
        self._measured.pop(name, None)

    def _reported(self, md: ModelDeployment, held: bool) -> CheckResult | None:
        """An answer to a check of another generation may be one to another check."""
        serving = find_condition(md.status.get("conditions") or (), SERVING) or {}
        revision = (md.status.get("active") or {}).get("revision")
        if serving.get("status") != "True" or revision is None:
            return None
        same = serving.get("observedGeneration") == md.generation
        if not same and not held:
            return None
        return CheckResult(
            revision=revision,
            ok=True,
            reason=reasons.READY,
            message=str(serving.get("message", "")),
            at=self._now(),
            asked=_digest(md.spec.app.check) if same else "",
        )

    def _measure(self, name: Name, metadata: dict[str, Any]) -> None:
        """Once for each RayService, and only if this process has been there from its beginning."""
        created = datetime.fromisoformat(metadata["creationTimestamp"])
        if self._measured.get(name) != metadata["uid"] and created >= self._born:
            self._measured[name] = metadata["uid"]
            self._tally.first_answer((self._now() - created).total_seconds())


def _digest(check: Check) -> str:
    text = json.dumps(asdict(check), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
