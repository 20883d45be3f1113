"""What is said of a rollout: the one finding that keeps the spec from being ready. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bastaix.api import reasons
from bastaix.api.conditions import timestamp
from bastaix.api.reasons import Finding
from bastaix.observe.diagnose import diagnose
from bastaix.observe.observed import Observed
from bastaix.observe.ownership import revision_label
from bastaix.rollout.asks import is_settling
from bastaix.rollout.gates import Verdict
from bastaix.rollout.roles import Roles

_OF_ANSWERS: Final = (reasons.WRONG_ANSWER, reasons.ANSWER_LATE, reasons.PROBE_UNREACHABLE)


@dataclass(frozen=True)
class Said:
    finding: Finding
    stalled: bool


def said(
    observed: Observed,
    roles: Roles,
    verdict: Verdict | None,
    left: Mapping[str, Any] | None,
    now: datetime,
) -> Said:
    """`verdict` is on the candidate, `left` what must be gone before it may start."""
    if roles.failure is not None and roles.wanted != roles.subject:
        return _failed(roles)
    if roles.candidate is not None:
        finding = _underway(observed, roles, verdict, left)
        return Said(finding, finding.reason.heals == "never")
    if roles.active is None:
        waiting = Finding(reasons.FETCHING_SOURCE, "no revision has been made yet")
        return Said(waiting, stalled=False)
    if left is not None and observed.rayservice_of(roles.active) is None:
        return Said(_being_removed(left, roles.active), stalled=False)
    found = diagnose(observed, roles.active)
    if found.reason in _OF_ANSWERS and is_settling(roles, now):
        found = Finding(reasons.AWAITING_ANSWER, f"traffic is being turned to {roles.active}")
    is_other = roles.target is not None and roles.target.hash != roles.active
    if found.reason == reasons.READY and is_other:
        message = f"revision {roles.active} is active, as was asked for"
        return Said(Finding(reasons.ROLLED_BACK, message), stalled=True)
    return Said(found, found.reason.heals == "never")


def _failed(roles: Roles) -> Said:
    """Why the revision that is asked for has no traffic, and what becomes of it."""
    failure = roles.failure
    assert failure is not None, "only told of a failure"
    reason = reasons.BY_NAME.get(failure.reason or "", reasons.DEADLINE_EXCEEDED)
    parts = [failure.message or reason.meaning]
    if roles.candidate is not None:
        parts.append(f"revision {roles.candidate} is brought back")
    elif roles.active is not None:
        parts.append(f"revision {roles.active} stays active")
    if roles.held is not None:
        parts.append(f"revision {roles.held} is held, off the traffic, to be looked into")
    if roles.retry_at is not None:
        parts.append(f"next try at {timestamp(roles.retry_at)}")
    return Said(Finding(reason, "; ".join(parts)), stalled=roles.retry_at is None)


def _underway(
    observed: Observed,
    roles: Roles,
    verdict: Verdict | None,
    left: Mapping[str, Any] | None,
) -> Finding:
    candidate = roles.candidate
    assert candidate is not None, "only told of a candidate"
    if roles.waits:
        message = f"revision {candidate} starts when revision {roles.before} has been drained"
        return Finding(reasons.DRAINING, message)
    if left is not None:
        cost = "; nothing serves meanwhile" if roles.recreate and roles.active else ""
        return _being_removed(left, candidate, cost)
    if verdict is not None and verdict.finding.reason != reasons.READY:
        return verdict.finding
    found = diagnose(observed, candidate, "own")
    if found.reason != reasons.READY:
        return found
    return Finding(reasons.AWAITING_ANSWER, f"revision {candidate} is being promoted")


def _being_removed(left: Mapping[str, Any], revision: str, cost: str = "") -> Finding:
    """`revision` is what starts when it is gone."""
    what = f"{left['kind']} {left['metadata']['name']}"
    whose = (
        "of its RayService before" if revision_label(left) == revision else "of another revision"
    )
    return Finding(reasons.DRAINING, f"{what} {whose} is being removed{cost}")
