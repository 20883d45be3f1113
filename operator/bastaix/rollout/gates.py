"""What a candidate must pass before it gets traffic, cheapest first, and how it fails. Pure.

The app runs, the app's check is answered through the candidate's own Service, it has as many
replicas as what it is to replace, the evaluation is passed. What cannot be better by itself ends
the trial at once; anything else has until the deadline. What the parts are called stands in
`roles`; what is done about a verdict in `reconcile.plan`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from bastaix.api import reasons
from bastaix.api.reasons import Finding
from bastaix.api.rollout import Rollout
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe import pods, serve
from bastaix.observe.diagnose import diagnose
from bastaix.observe.observed import Observed, condition, is_ready, moment
from bastaix.rollout import replicas, room
from bastaix.rollout.evaluations import Standing
from bastaix.rollout.roles import Roles, trial_began
from bastaix.rollout.watch import SETTLE_SECONDS, is_not_right, kept_for, watch_ends

_LACK_OF_ROOM: Final = ("Insufficient ", "Too many pods")
"""Of the scheduler's words those that another revision's going could cure."""
UNREADY_SECONDS: Final = 30.0
BAKE_FAILURES: Final = 3
BAKE_CHECK_SECONDS: Final = 5.0

Step = Literal["wait", "promote", "fail", "recreate"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    step: Step
    finding: Finding
    after: float | None = None
    """Seconds until a look is due that nothing else brings."""


def judge(
    md: ModelDeployment,
    observed: Observed,
    roles: Roles,
    evaluation: Standing,
    now: datetime,
) -> Verdict:
    """The verdict on the candidate."""
    assert roles.candidate is not None, "only a candidate is judged"
    candidate, rollout = roles.candidate, md.spec.rollout
    found = diagnose(observed, candidate, "own")
    if roles.returning and roles.before == candidate and observed.has_replicas(candidate):
        return Verdict(step="promote", finding=found)
    if found.reason != reasons.READY:
        return _unready(observed, roles, found, rollout, now)
    few = _few(md, observed, roles, now)
    if few is not None:
        return few
    if evaluation.is_given_up and evaluation.lacks is not None:
        return Verdict(step="fail", finding=evaluation.lacks)
    if evaluation.lacks is not None and evaluation.lacks.reason == reasons.EVALUATING:
        return Verdict(step="wait", finding=evaluation.lacks)  # it has a limit of its own
    if evaluation.lacks is not None:
        return _limited(evaluation.lacks, observed, roles, rollout, now)
    if is_paused(md, roles):
        message = f"revision {candidate} has passed the gate"
        return Verdict(step="wait", finding=Finding(reasons.PAUSED, message))
    return Verdict(step="promote", finding=found)


def is_baking(md: ModelDeployment, observed: Observed, roles: Roles, now: datetime) -> bool:
    """The active revision is watched, and the one before could come back at once.

    It ends with an answer that was right when the time was over, and not before; and with the
    revision before (see `watch`), at the latest when a candidate's deadline would.
    """
    since = moment(roles.turn.since)
    if since is None or roles.active is None or roles.before is None:
        return False
    if roles.candidate is not None and not roles.waits:
        return False
    if any(roles.record(each).failed for each in (roles.active, roles.before)):
        return False
    ends = since + timedelta(seconds=max(md.spec.rollout.bake_seconds, SETTLE_SECONDS))
    last = observed.check_of(roles.active, "stable")
    return now < ends or last is None or not last.ok or last.at < ends


def spoilt(md: ModelDeployment, observed: Observed, roles: Roles, now: datetime) -> Finding | None:
    """What is wrong with the active revision while it is baked.

    An answer that comes late, or from nowhere, tells of a full queue or of the operator's own
    network, and not of the revision; nor does one that the revision before would not give either.
    """
    active = roles.active
    if active is None or not is_baking(md, observed, roles, now):
        return None
    if not observed.has_replicas(active):
        if missed_in(md, observed, roles, now) is not None:
            return None
        return Finding(reasons.NO_ENDPOINT, "no Pod of it was ready soon after its promotion")
    last = observed.check_of(active, "stable")
    if last is None or last.ok or last.failures < BAKE_FAILURES:
        return None
    if _is_broken(observed, active):
        return diagnose(observed, active)
    if last.wrong < BAKE_FAILURES or last.is_missing or is_no_better(observed, roles):
        return None
    return Finding(last.reason, f"{last.wrong} times without a right one: {last.message}")


def is_no_better(observed: Observed, roles: Roles) -> bool:
    """The revision beside the one in question was asked as well, and did not answer right."""
    return is_not_right(observed, roles.beside or "")


def _is_broken(observed: Observed, revision: str) -> bool:
    app = serve.app(observed.rayservice_of(revision) or {})
    return app is not None and app.status in (serve.DEPLOY_FAILED, serve.UNHEALTHY)


def missed_in(md: ModelDeployment, observed: Observed, roles: Roles, now: datetime) -> float | None:
    """Seconds for which a worker that runs may still have no answer for its probe.

    Just promoted, it may be busy with all the traffic; one that is gone is not waited for.
    """
    if roles.active is None or not is_baking(md, observed, roles, now):
        return None
    workers = observed.pods_of(roles.active, "worker")
    if _is_broken(observed, roles.active) or any(map(is_ready, workers)):
        return None
    running = [each for each in workers if (each.get("status") or {}).get("phase") == "Running"]
    changed = (moment(condition(each, "Ready").get("lastTransitionTime")) for each in running)
    since = min((each for each in changed if each is not None), default=None)
    left = 0.0 if since is None else UNREADY_SECONDS - (now - since).total_seconds()
    return left if left > 0 else None


def drained_in(md: ModelDeployment, roles: Roles, now: datetime) -> tuple[float, ...]:
    """Seconds until the revision before may go, and until it goes whatever is answered."""
    since, ends = moment(roles.turn.since), watch_ends(md, roles.turn)
    if since is None or ends is None:
        return ()
    return (since + kept_for(md) - now).total_seconds(), (ends - now).total_seconds()


def has_passed(observed: Observed, roles: Roles) -> bool:
    """The candidate, in this trial; whatever has become of it while it was paused."""
    live = observed.rayservice_of(str(roles.candidate)) or {"metadata": {}}
    uid = live["metadata"].get("uid")
    return uid is not None and roles.record(roles.candidate).passed == uid


def is_paused(md: ModelDeployment, roles: Roles) -> bool:
    """Before a promotion; never where nothing serves, nor before a return to what has served."""
    if roles.returning or roles.active is None or roles.recreate:
        return False
    request = md.request
    if request is not None and request.revision in (None, roles.candidate):
        if request.verb == "promote":
            return False
        if request.verb == "pause":
            return True
    return md.spec.rollout.pause_before_promotion


def _unready(
    observed: Observed, roles: Roles, found: Finding, rollout: Rollout, now: datetime
) -> Verdict:
    assert roles.candidate is not None
    candidate = roles.candidate
    if found.reason.heals == "never":
        return Verdict(step="fail", finding=found)
    crowded = _crowded(observed, candidate, now) if roles.active is not None else None
    can_make_room = crowded is not None and any(each in crowded[1] for each in _LACK_OF_ROOM)
    if not can_make_room or crowded is None or rollout.strategy != "Auto" or roles.recreate:
        return _limited(found, observed, roles, rollout, now)
    waited, message = crowded
    left = rollout.capacity_grace_seconds - waited
    if left > 0:
        return Verdict(step="wait", finding=found, after=left)
    more = room.excess(observed, candidate, str(roles.active))
    if more is not None:
        stays = f"revision {roles.active} does not make room for what may not fit: {more}"
        finding = Finding(reasons.INSUFFICIENT_CAPACITY, f"{message}; {stays}")
        return Verdict(step="fail", finding=finding)
    return Verdict(step="recreate", finding=Finding(reasons.INSUFFICIENT_CAPACITY, message))


def _few(md: ModelDeployment, observed: Observed, roles: Roles, now: datetime) -> Verdict | None:
    """It answers, with fewer replicas than the active revision.

    Where there is no room for the others, it goes on with those it has: the active one makes room.
    """
    found, rollout = replicas.lacking(md, observed, roles), md.spec.rollout
    if found is None:
        return None
    verdict = _limited(found, observed, roles, rollout, now)
    crowded = _crowded(observed, str(roles.candidate), now)
    if crowded is None:
        return verdict
    left = rollout.capacity_grace_seconds - crowded[0]
    has_least = replicas.ready(observed, str(roles.candidate)) >= md.spec.scaling.min_replicas
    if left <= 0 and has_least:
        return None
    return replace(verdict, after=left) if verdict.step == "wait" and left > 0 else verdict


def _limited(
    found: Finding, observed: Observed, roles: Roles, rollout: Rollout, now: datetime
) -> Verdict:
    """It may go on like this until the deadline, which does not run for what has been paused."""
    candidate = str(roles.candidate)
    if found.reason.heals == "never":
        return Verdict(step="fail", finding=found)
    began = trial_began(observed, roles, candidate)
    unasked = observed.has_replicas(candidate) and observed.check_of(candidate, "own") is None
    if began is None or unasked or has_passed(observed, roles):
        return Verdict(step="wait", finding=found)
    left = rollout.progress_deadline_seconds - (now - began).total_seconds()
    last = observed.check_of(candidate, "own")
    if last is not None and last.is_missing and is_no_better(observed, roles):
        left += rollout.progress_deadline_seconds  # what keeps it waiting is not its own
    if left > 0:
        return Verdict(step="wait", finding=found, after=left)
    crowded = _crowded(observed, candidate, now)
    if crowded is not None:
        return Verdict(step="fail", finding=Finding(reasons.INSUFFICIENT_CAPACITY, crowded[1]))
    message = (
        f"not within {rollout.progress_deadline_seconds} s; it was at"
        f" {found.reason}: {found.message}"
    )
    return Verdict(step="fail", finding=Finding(reasons.DEADLINE_EXCEEDED, message))


def _crowded(observed: Observed, candidate: str, now: datetime) -> tuple[float, str] | None:
    """For how long a Pod has found no place, and in the scheduler's own words why."""
    for pod in observed.pods_of(candidate):
        scheduled = condition(pod, "PodScheduled")
        if scheduled.get("status") != "False" or scheduled.get("reason") != "Unschedulable":
            continue
        if pods.is_of_volumes(pod):
            continue
        since = moment(scheduled.get("lastTransitionTime"))
        waited = 0.0 if since is None else (now - since).total_seconds()
        return waited, f"Pod {pod['metadata']['name']}: {scheduled.get('message') or 'no place'}"
    return None
