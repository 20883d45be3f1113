"""When to look again at what no event will speak of. Pure."""

from datetime import datetime
from itertools import chain

from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe import binding, logs, mounting
from bastaix.observe.diagnose import UNHEEDED_SECONDS, unheeded_for
from bastaix.observe.observed import Observed
from bastaix.reconcile.children import Object
from bastaix.reconcile.holders import DRAINING_SECONDS
from bastaix.rollout import gates
from bastaix.rollout.roles import Roles


def due_in(
    md: ModelDeployment, observed: Observed, roles: Roles, left: Object | None, now: datetime
) -> float | None:
    """Seconds until the first of all that time alone will change."""
    return soonest(
        _drain_over_in(md, roles, left, now),
        _retry_in(roles, now),
        _unheeded_in(observed, roles),
        _mounted_in(observed, now),
        logs.AGAIN_SECONDS if None in observed.logs.values() else None,
        gates.missed_in(md, observed, roles, now),
    )


def soonest(*waits: float | None) -> float | None:
    """Of the seconds to wait; none of them lies in the past."""
    return min((max(each, 0.0) for each in waits if each is not None), default=None)


def _drain_over_in(
    md: ModelDeployment, roles: Roles, left: Object | None, now: datetime
) -> float | None:
    """What goes may take its time, and a drain ends."""
    waits = [DRAINING_SECONDS] if left is not None else []
    if roles.before is not None:
        waits += gates.drained_in(md, roles, now)
    return _to_come(*waits)


def _retry_in(roles: Roles, now: datetime) -> float | None:
    if roles.retry_at is None or roles.wanted == roles.subject:
        return None
    return _to_come((roles.retry_at - now).total_seconds())


def _unheeded_in(observed: Observed, roles: Roles) -> float | None:
    """When it will be time to say that KubeRay does nothing, which brings no look by itself."""
    parties = filter(None, (roles.candidate, roles.active))
    waited = (unheeded_for(observed, each) for each in parties)
    return _to_come(*(UNHEEDED_SECONDS - each for each in waited if each is not None))


def _mounted_in(observed: Observed, now: datetime) -> float | None:
    """When it is to be read again what keeps a Pod from its volumes."""
    wanted = chain(mounting.wanted(observed, now), binding.wanted(observed, now))
    return min((mounting.every(waited) for _, waited in wanted), default=None)


def _to_come(*waits: float) -> float | None:
    """What is over and has changed nothing waits for something else, not for a look at once."""
    return min((each for each in waits if each > 0), default=None)
