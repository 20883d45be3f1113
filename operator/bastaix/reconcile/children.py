"""The children of a ModelDeployment as they are meant to be, given who plays which part. Pure.

Those that may hold Pods are kept as their kept rendering has them, with today's scaling laid
over; nothing new is started before what must go is gone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed, creation, moment, revision_of
from bastaix.reconcile.drift import (
    Manifest,
    drifted,
    service_drifted,
    stamped,
)
from bastaix.reconcile.holders import living
from bastaix.render.raycluster import scaling_patch
from bastaix.render.rayservice import rayservice
from bastaix.render.revision import Revision
from bastaix.render.serve_config import deployment_name, scaled_deployment
from bastaix.render.service import Turn, service
from bastaix.rollout import mirror, replicas
from bastaix.rollout.record import Record
from bastaix.rollout.roles import Roles, revision
from bastaix.rollout.watch import made_at

Object = Mapping[str, Any]
Patch = tuple[Object, Sequence[Any]]

KEPT_REVISIONS: Final = 10


def keep(observed: Observed, roles: Roles) -> frozenset[str]:
    """Who may hold Pods: without a trial that failed, which is to begin anew.

    The active one does not make room for what is refused.
    """
    candidate, active = roles.candidate, roles.active or ""
    if candidate in observed.refused and observed.rayservice_of(active) is not None:
        is_there = observed.rayservice_of(candidate or "") is not None
        return (roles.keep if is_there else roles.keep - {candidate}) | {active}
    if not observed.is_recorded and observed.rayservice_of(candidate or "") is None:
        # what cannot be remembered is not started, and nothing makes room for it
        return roles.keep - {candidate} | frozenset(filter(None, (roles.active,)))
    if candidate is None or not roles.record(candidate).failed:
        return roles.keep
    began, failed = made_at(observed, candidate), moment(roles.record(candidate).at)
    is_old = began is not None and failed is not None and began <= failed
    return roles.keep - {candidate} if is_old else roles.keep


def going(observed: Observed, kept: frozenset[str]) -> tuple[Object, ...]:
    """RayServices that are to be removed."""
    return living(each for each in observed.rayservices if revision_of(each) not in kept)


def rayservices(
    md: ModelDeployment, observed: Observed, roles: Roles, kept: frozenset[str], *, may_start: bool
) -> tuple[Manifest, ...]:
    """Those to be applied, the active one first."""
    may_be_new = roles.wanted if observed.is_recorded else None
    starting = frozenset(filter(None, (may_be_new, roles.active))) if may_start else frozenset()
    steps: list[Manifest] = []
    for hash in sorted(kept, key=lambda each: each != roles.active):
        live = observed.rayservice_of(hash)
        if hash not in observed.refused and (live is not None or hash in starting):
            steps += _applied(_intent(md, observed, roles, hash), live, drifted)
    return tuple(steps)


def rehearsals(
    md: ModelDeployment, observed: Observed, roles: Roles, leaving: Sequence[Object]
) -> tuple[Manifest, ...]:
    """What runs stays if the API server refuses what comes in its place."""
    if roles.candidate is None or not any(revision_of(each) == roles.active for each in leaving):
        return ()
    intent = _intent(md, observed, roles, roles.candidate)
    live = observed.rayservice_of(roles.candidate)
    return _applied(intent, live, drifted)


def stable_service(
    md: ModelDeployment,
    observed: Observed,
    roles: Roles,
    turn: Turn,
    records: Mapping[str, Record],
) -> tuple[Manifest, ...]:
    """It is there from the first revision on, before it leads anywhere.

    Applied to what was looked at alone: if it has changed since, that is looked at first.
    """
    live = observed.service
    if live is None and (roles.wanted is None or "Service" in observed.occupied):
        return ()
    intent = stamped(service(md, turn, mirror.annotations(records, roles.wish)))
    steps = _applied(intent, live, service_drifted)
    version = {} if live is None else {"resourceVersion": live["metadata"]["resourceVersion"]}
    return tuple({**each, "metadata": {**each["metadata"], **version}} for each in steps)


def scaling(
    md: ModelDeployment, observed: Observed, roles: Roles, kept: frozenset[str]
) -> tuple[Patch, ...]:
    """KubeRay does not hand new bounds on to a RayCluster that is there."""
    patches: list[Patch] = []
    for hash in sorted(kept):
        scaled = _scaled(md, replicas.least(md, observed, roles, hash))
        for each in observed.rayclusters:
            if revision_of(each) == hash:
                operations = scaling_patch(each, scaled)
                patches += [(each, operations)] if operations else []
    return tuple(patches)


def stale(observed: Observed, roles: Roles) -> tuple[Object, ...]:
    """The oldest renderings beyond the number that is kept."""
    needed = {roles.active, roles.wanted, roles.subject, roles.before, roles.turn.previous}
    old = [each for each in observed.controller_revisions if revision_of(each) not in needed]
    old.sort(key=creation, reverse=True)
    number = len(observed.controller_revisions) - len(old)
    return living(old[max(0, KEPT_REVISIONS - max(number, 1)) :])


def _intent(md: ModelDeployment, observed: Observed, roles: Roles, hash: str) -> Manifest | None:
    """None: nobody knows how it was rendered, or which deployment of it scales."""
    is_target = roles.target is not None and roles.target.hash == hash
    found = roles.target if is_target else revision(observed, hash)
    if found is None:
        return None
    name = deployment_name(md) if is_target else _deployment(observed, found)
    scaled = _scaled(md, replicas.least(md, observed, roles, hash))
    return None if name is None else stamped(rayservice(scaled, found, name))


def _scaled(md: ModelDeployment, least: int) -> ModelDeployment:
    scaling = replace(md.spec.scaling, min_replicas=least)
    return replace(md, spec=replace(md.spec, scaling=scaling))


def _deployment(observed: Observed, revision: Revision) -> str | None:
    """Of a revision that is not the spec's: laid over another's, the spec's would break it."""
    live = observed.rayservice_of(revision.hash) or {}
    return scaled_deployment((live.get("spec") or {}).get("serveConfigV2") or "") or (
        revision.deployment
    )


def _applied(
    intent: Manifest | None,
    live: Object | None,
    differs: Callable[[Object | None, Manifest], bool],
) -> tuple[Manifest, ...]:
    return (intent,) if intent is not None and differs(live, intent) else ()
