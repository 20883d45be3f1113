"""What is to be done for one ModelDeployment, decided from what is seen. Pure.

This is the strategy: replacing a revision by recreating it. The old RayService goes first,
and only when its Pods are gone does the new one come; then the Service is turned to it. How
the steps of a Plan are taken, and in which order, is the reconciler's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.errors import Waiting
from bastaix.api.reasons import Finding
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed, creation, revision_of
from bastaix.reconcile.drift import Manifest, drifted, owned, stamped
from bastaix.render.raycluster import scaling_patch
from bastaix.render.rayservice import rayservice
from bastaix.render.revision import Revision
from bastaix.render.service import service

Object = Mapping[str, Any]
Patch = tuple[Object, Sequence[Any]]

KEPT_REVISIONS: Final = 10
NOT_OWNED_SECONDS: Final = 60.0
# An app that is not reached is likely to be soon; one that answers wrongly is not.
UNREACHABLE_SECONDS: Final = 5.0
WRONG_SECONDS: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Steps to take; then whether to ask the app, when to look again, and what is to be said."""

    deletes: tuple[Object, ...] = ()
    applies: tuple[Manifest, ...] = ()
    patches: tuple[Patch, ...] = ()
    check: bool = False
    after: float | None = None
    finding: Finding | None = None


def plan(md: ModelDeployment, observed: Observed, revision: Revision, now: datetime) -> Plan:
    """The steps from what is seen to what the spec asks for."""
    stale = _stale(observed, revision.hash)
    if md.spec.suspend:
        everything = (*filter(None, [observed.rayservice]), *observed.others, *stale)
        return Plan(deletes=_ours(md, everything))
    if _remains(observed, revision.hash):
        return Plan(deletes=_ours(md, (*observed.others, *stale)), finding=_DRAINING)
    turn = _apply(md, service(md, revision.hash), observed.service)
    if observed.kuberay == "missing":
        return Plan(deletes=_ours(md, stale), applies=turn)
    run = _apply(md, rayservice(md, revision), observed.rayservice)
    check, after = _check(observed, revision.hash, turned=bool(turn), now=now)
    return Plan(
        deletes=_ours(md, stale),
        applies=(*run, *turn),
        patches=_scale(md, observed, revision.hash),
        check=check,
        after=after,
    )


def demand_ownership(md: ModelDeployment, live: Object) -> None:
    """What is not ours is not touched, whatever its name."""
    if owned(live, md.uid):
        return
    what = f"{live['kind']} {live['metadata']['name']}"
    raise Waiting(
        reasons.NOT_OWNED, f"{what} exists and is not of this {names.KIND}", NOT_OWNED_SECONDS
    )


def _apply(md: ModelDeployment, manifest: Manifest, live: Object | None) -> tuple[Manifest, ...]:
    if live is not None:
        demand_ownership(md, live)
    intent = stamped(manifest)
    return (intent,) if drifted(live, intent) else ()


def _remains(observed: Observed, revision: str) -> bool:
    """Whether anything that holds resources is left of a revision that is replaced."""
    holders = (*observed.others, *observed.rayclusters, *observed.pods)
    return any(revision_of(each) != revision for each in holders)


def _scale(md: ModelDeployment, observed: Observed, revision: str) -> tuple[Patch, ...]:
    clusters = (each for each in observed.rayclusters if revision_of(each) == revision)
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
    wait = WRONG_SECONDS if last.reason == reasons.WRONG_ANSWER else UNREACHABLE_SECONDS
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


_DRAINING: Final = Finding(
    reasons.DRAINING, "the RayService and the Pods of the revision before are being removed"
)
