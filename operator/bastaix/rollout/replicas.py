"""How many replicas a revision has at least: no fewer than the one that it takes over from. Pure.

The active revision may have grown with its traffic. A candidate that had only its least replicas
when it got that traffic would drown in it. Once the one before is gone, Ray's autoscaler decides
between the bounds of the spec again.
"""

from bastaix.api import reasons
from bastaix.api.reasons import Finding
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed, is_ready
from bastaix.rollout.roles import Roles


def least(md: ModelDeployment, observed: Observed, roles: Roles, revision: str) -> int:
    scaling = md.spec.scaling
    before = None
    if revision == roles.active:
        before = roles.before
    elif revision == roles.candidate and not roles.returning:
        before = roles.active
    if before is None or observed.rayservice_of(before) is None:
        return scaling.min_replicas
    return max(scaling.min_replicas, min(scaling.max_replicas, ready(observed, before)))


def lacking(md: ModelDeployment, observed: Observed, roles: Roles) -> Finding | None:
    """What a candidate that answers still lacks to take the traffic of the active revision."""
    candidate = str(roles.candidate)
    if roles.active is None or roles.returning:
        return None
    needed = least(md, observed, roles, candidate)
    found = ready(observed, candidate)
    if found >= needed:
        return None
    message = f"{found} of {needed} replicas are ready, as many as revision {roles.active} has"
    return Finding(reasons.SCHEDULING, message)


def wanted(observed: Observed, revision: str) -> int | None:
    """How many Ray's autoscaler wants; None while there is no cluster."""
    groups = ((observed.raycluster_of(revision) or {}).get("spec") or {}).get("workerGroupSpecs")
    counts = (
        max(group.get("replicas") or 0, group.get("minReplicas") or 0) for group in groups or ()
    )
    return next(counts, None)


def ready(observed: Observed, revision: str) -> int:
    """One worker Pod holds one replica."""
    return sum(is_ready(worker) for worker in observed.pods_of(revision, "worker"))
