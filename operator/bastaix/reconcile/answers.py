"""What the apps answered: when asked, remembered, and forgotten when it counts no more.

An answer is one to a certain check through a certain Service, and counts for as long as replicas
stand behind it; when none does, it is forgotten, so that the app is asked again when they are
back. After a restart of the operator the status tells what the active revision answered, and
nobody is asked.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from bastaix.api import names, reasons
from bastaix.api.conditions import SERVING, find_condition
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.endpoints import endpoints
from bastaix.observe.observed import CheckResult, Observed, Via
from bastaix.reconcile.cluster import Address, Answer, Probe
from bastaix.reconcile.drift import leads
from bastaix.reconcile.first_answers import FirstAnswers
from bastaix.reconcile.index import Name
from bastaix.render.service import service_spec
from bastaix.rollout.asks import Ask, is_settling
from bastaix.rollout.checks import is_answered, question_for
from bastaix.rollout.roles import Roles

_REASONS: Final = {
    "right": reasons.READY,
    "wrong": reasons.WRONG_ANSWER,
    "late": reasons.ANSWER_LATE,
    "unreachable": reasons.PROBE_UNREACHABLE,
}
UNREACHED: Final = 3
"""So often in a row is a failure: a Service is new to DNS and to the nodes for some seconds."""


class Answers:
    def __init__(self, probe: Probe, first: FirstAnswers, now: Callable[[], datetime]) -> None:
        self._probe = probe
        self._first = first
        self._now = now
        self._last: dict[Name, dict[Via, CheckResult]] = {}
        self._seen: set[Name] = set()  # whose status tells nothing that is not known better

    async def ask(self, md: ModelDeployment, observed: Observed, roles: Roles, ask: Ask) -> None:
        """Ask an app, and remember how it went."""
        question = question_for(md, observed, roles, ask.revision)
        before = observed.check_of(ask.revision, ask.via)
        if ask.via == "stable" and not leads(observed.service, service_spec(md.name, ask.revision)):
            message = f"Service {names.service_name(md.name)} does not lead to the revision"
            answer = Answer("unreachable", message)
        else:
            answer = await self._probe.ask(question.check, _address(md, observed, ask))
        given_to = question.digest
        if answer.outcome == "wrong" and not question.is_known:
            given_to = question.any_answer
            answer = Answer("right", f"{answer.message}; by which check it passed is not known")
        name = md.namespace, md.name
        if before is None or _is_void(before, ask, roles):
            failures, wrong = 1, 0
        else:
            failures, wrong = before.failures + 1, before.wrong
        is_new = answer.outcome == "unreachable" and failures < UNREACHED
        self._last.setdefault(name, {})[ask.via] = CheckResult(
            revision=ask.revision,
            ok=answer.outcome == "right",
            reason=reasons.AWAITING_ANSWER if is_new else _REASONS[answer.outcome],
            message=answer.message,
            at=self._now(),
            asked=given_to,
            failures=failures,
            wrong=wrong + (answer.outcome == "wrong"),
        )
        rayservice = observed.rayservice_of(ask.revision)
        if answer.outcome == "right" and rayservice is not None:
            self._first.note(name, rayservice["metadata"])

    def recalled(self, md: ModelDeployment, observed: Observed, roles: Roles) -> Observed:
        """With the last answers that still count of the revisions that play a part."""
        name = md.namespace, md.name
        last = self._last.setdefault(name, {})
        if name not in self._seen:
            self._seen.add(name)
            reported = self._reported(md, observed, roles)
            last.update({"stable": reported} if reported is not None else {})
        players: dict[Via, str | None] = {
            "stable": roles.active,
            "own": roles.candidate,
            "beside": roles.beside,
        }
        for via, revision in players.items():
            found = last.get(via)
            if found is not None and not _counts(md, observed, roles, found, revision):
                del last[via]
        return replace(observed, checks=dict(last))

    def forget(self, name: Name) -> None:
        self._last.pop(name, None)
        self._seen.discard(name)
        self._first.forget(name)

    def _reported(
        self, md: ModelDeployment, observed: Observed, roles: Roles
    ) -> CheckResult | None:
        """An answer to a check of another generation may be one to another check."""
        serving = find_condition(md.status.get("conditions") or (), SERVING) or {}
        revision = (md.status.get("active") or {}).get("revision")
        if serving.get("status") != "True" or revision is None:
            return None
        is_target = roles.target is not None and roles.target.hash == revision
        is_of_spec = serving.get("observedGeneration") == md.generation
        if is_target and not (is_of_spec or is_answered(roles.record(revision), md.spec.app.check)):
            return None
        return CheckResult(
            revision=revision,
            ok=True,
            reason=reasons.READY,
            message=str(serving.get("message", "")),
            at=self._now(),
            asked=question_for(md, observed, roles, revision).digest,
        )


def _is_void(before: CheckResult, ask: Ask, roles: Roles) -> bool:
    """Right, or perhaps not of this revision at all."""
    return before.ok or (ask.via == "stable" and is_settling(roles, before.at))


def _counts(
    md: ModelDeployment,
    observed: Observed,
    roles: Roles,
    last: CheckResult,
    revision: str | None,
) -> bool:
    if revision is None or last.revision != revision or not observed.has_replicas(revision):
        return False
    return question_for(md, observed, roles, revision).covers(last.asked)


def _address(md: ModelDeployment, observed: Observed, ask: Ask) -> Address:
    pods = endpoints(observed, ask.revision)
    if ask.via == "stable":
        return Address(md.namespace, names.service_name(md.name), names.STABLE_PORT, pods)
    name = names.candidate_service_name(md.name, ask.revision)
    return Address(md.namespace, name, names.SERVE_PORT, pods)
