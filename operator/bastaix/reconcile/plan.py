"""What is to be done for one ModelDeployment, decided from what is seen. Pure.

This is the strategy: replacing a revision by recreating it. The old RayService goes first,
and only when its Pods are gone does the new one come; then the Service is turned to it. While
the revision of the spec cannot be made, its code being unverified or its fields wrong, the
active one goes on. How the steps of a Plan are taken, and in which order, is the reconciler's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.errors import Hindrance, Waiting
from bastaix.api.reasons import Finding
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed, creation, revision_of
from bastaix.reconcile.drift import (
    Manifest,
    controller,
    drifted,
    owned,
    service_drifted,
    stamped,
    turned,
)
from bastaix.render.raycluster import scaling_patch
from bastaix.render.rayservice import rayservice
from bastaix.render.revision import Revision
from bastaix.render.serve_config import deployment_name, scaled_deployment
from bastaix.render.service import service

Object = Mapping[str, Any]
Patch = tuple[Object, Sequence[Any]]

KEPT_REVISIONS: Final = 10
NOT_OWNED_SECONDS: Final = 60.0
DRAINING_SECONDS: Final = 5.0
# An app that is not reached is likely to be soon; one that answers wrongly is not. Each time
# that it is not right it is asked after twice the time.
UNREACHABLE_SECONDS: Final = 5.0
WRONG_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 60.0

_CONTROLLERS: Final = {"RayService": names.KIND, "RayCluster": "RayService", "Pod": "RayCluster"}
"""What controls each kind that holds resources."""


@dataclass(frozen=True)
class Goal:
    """The revision to look after: that of the spec, or the active one with what hinders another."""

    revision: Revision | None
    hindrance: Hindrance | None = None

    @property
    def current(self) -> Revision | None:
        """The revision of the spec."""
        return self.revision if self.hindrance is None else None

    @property
    def hash(self) -> str:
        return self.revision.hash if self.revision is not None else ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Steps to take; then whether to ask the app, when to look again, and what is to be said."""

    rehearsals: tuple[Manifest, ...] = ()
    """What must be found to be acceptable before anything is done."""
    deletes: tuple[Object, ...] = ()
    applies: tuple[Manifest, ...] = ()
    patches: tuple[Patch, ...] = ()
    check: bool = False
    after: float | None = None
    finding: Finding | None = None


def plan(md: ModelDeployment, observed: Observed, goal: Goal, now: datetime) -> Plan:
    """The steps from what is seen to what the spec asks for."""
    stale = _stale(observed, goal.hash)
    if md.spec.suspend:
        everything = (*filter(None, [observed.rayservice]), *observed.others, *stale)
        return Plan(deletes=_ours(md, everything))
    revision = goal.current
    if revision is None:
        return _hold(md, observed, goal, now)
    remains = _remains(md, observed, revision.hash)
    if remains is not None:
        return _drain(md, observed, revision, remains, stale)
    return replace(_look_after(md, observed, revision, now), deletes=_ours(md, stale))


def demand_ownership(md: ModelDeployment, live: Object) -> None:
    """What is not ours is not touched, whatever its name."""
    if owned(live, md.uid):
        return
    what = f"{live['kind']} {live['metadata']['name']}"
    if _controlled_by(live, names.KIND, md.name):
        message = f"{what} of the {names.KIND} that had this name before is being removed"
        raise Waiting(reasons.DRAINING, message, DRAINING_SECONDS)
    raise Waiting(
        reasons.NOT_OWNED, f"{what} exists and is not of this {names.KIND}", NOT_OWNED_SECONDS
    )


def _look_after(md: ModelDeployment, observed: Observed, revision: Revision, now: datetime) -> Plan:
    """Everything of one revision as it is meant to be, and the Service turned to it."""
    stable = stamped(service(md, revision.hash))
    turn = _apply(md, stable, observed.service, service_drifted)
    if observed.kuberay == "missing":
        return Plan(applies=turn)
    run = _apply(md, stamped(rayservice(md, revision)), observed.rayservice)
    is_turned = turned(observed.service, stable)
    check, after = _check(observed, revision.hash, turned=is_turned, now=now)
    return Plan(
        applies=(*run, *turn),
        patches=_scale(md, observed, revision.hash),
        check=check,
        after=after,
    )


def _hold(md: ModelDeployment, observed: Observed, goal: Goal, now: datetime) -> Plan:
    """What is there of the active revision goes on; nothing is started, and nothing removed."""
    hindrance = goal.hindrance
    assert hindrance is not None, "a goal without a revision of the spec says why"
    after = hindrance.after if isinstance(hindrance, Waiting) else None
    told = Plan(after=after, finding=hindrance.finding)
    if goal.revision is None or observed.rayservice is None:
        return told
    config = (observed.rayservice.get("spec") or {}).get("serveConfigV2") or ""
    if scaled_deployment(config) != deployment_name(md):
        return told  # the spec's scaling is that of another app: laid over this one, it breaks it
    steps = _look_after(md, observed, goal.revision, now)
    waits = [each for each in (steps.after, after) if each is not None]
    return replace(steps, after=min(waits, default=None), finding=hindrance.finding)


def _apply(
    md: ModelDeployment,
    intent: Manifest,
    live: Object | None,
    differs: Callable[[Object | None, Manifest], bool] = drifted,
) -> tuple[Manifest, ...]:
    if live is not None:
        demand_ownership(md, live)
    return (intent,) if differs(live, intent) else ()


def _drain(
    md: ModelDeployment,
    observed: Observed,
    revision: Revision,
    remains: Object,
    stale: Iterable[Object],
) -> Plan:
    """Remove the revision before; but what runs stays if the API server refuses what comes."""
    going = _ours(md, observed.others)
    coming = stamped(rayservice(md, revision))
    what = f"{remains['kind']} {remains['metadata']['name']}"
    return Plan(
        rehearsals=_apply(md, coming, observed.rayservice) if going else (),
        deletes=(*going, *_ours(md, stale)),
        after=DRAINING_SECONDS,
        finding=Finding(reasons.DRAINING, f"{what} of a revision before is being removed"),
    )


def _remains(md: ModelDeployment, observed: Observed, revision: str) -> Object | None:
    """The first thing that holds resources and is left of a revision that is replaced."""
    holders = (*observed.others, *observed.rayclusters, *observed.pods)
    return next((each for each in holders if _is_former(md, each, revision)), None)


def _is_former(md: ModelDeployment, each: Object, revision: str) -> bool:
    """Ours by labels and by the kind of its owner; anybody can make a Pod with our labels.

    Uids cannot tell: an owner is gone before what it owns.
    """
    former = revision_of(each)
    if former is None or former == revision:
        return False
    owners = {names.KIND: md.name, "RayService": names.rayservice_name(md.name, former)}
    kind = _CONTROLLERS[each["kind"]]
    return _controlled_by(each, kind, owners.get(kind))


def _controlled_by(live: Object, kind: str, name: str | None) -> bool:
    owner = controller(live) or {}
    return owner.get("kind") == kind and name in (None, owner.get("name"))


def _scale(md: ModelDeployment, observed: Observed, revision: str) -> tuple[Patch, ...]:
    uid = str(((observed.rayservice or {}).get("metadata") or {}).get("uid", ""))
    clusters = (
        each for each in observed.rayclusters if revision_of(each) == revision and owned(each, uid)
    )
    patches = ((each, scaling_patch(each, md)) for each in clusters)
    return tuple((each, operations) for each, operations in patches if operations)


def _check(
    observed: Observed, revision: str, *, turned: bool, now: datetime
) -> tuple[bool, float | None]:
    """Whether to ask, and otherwise in how many seconds: never again once it has answered."""
    if not observed.has_endpoints(revision):
        return False, None
    last = observed.check
    if turned or last is None or last.revision != revision:
        return True, None
    if last.ok:
        return False, None
    first = WRONG_SECONDS if last.reason == reasons.WRONG_ANSWER else UNREACHABLE_SECONDS
    wait = min(LONGEST_SECONDS, first * 2.0 ** min(last.failures - 1, 10))
    left = wait - (now - last.at).total_seconds()
    return (True, None) if left <= 0 else (False, left)


def _stale(observed: Observed, revision: str) -> list[Object]:
    """The oldest renderings beyond the number that is kept; never the current one."""
    old = [each for each in observed.controller_revisions if revision_of(each) != revision]
    old.sort(key=creation, reverse=True)
    return old[KEPT_REVISIONS - 1 :]


def _ours(md: ModelDeployment, objects: Iterable[Object]) -> tuple[Object, ...]:
    """Of these, what is ours and not on its way out already."""
    return tuple(
        each
        for each in objects
        if "deletionTimestamp" not in each["metadata"] and owned(each, md.uid)
    )
