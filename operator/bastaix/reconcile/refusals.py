"""What it means that the API server did not take something. Pure; what follows is the plan's."""

import re
from datetime import datetime
from typing import Final

from bastaix.api import reasons
from bastaix.api.errors import Hindrance, Stalled, Waiting
from bastaix.api.reasons import Finding
from bastaix.observe.observed import Observed, Refusal
from bastaix.observe.text import shortened
from bastaix.reconcile.cluster import Refused
from bastaix.rollout.roles import Roles

UNSUPPORTED_SECONDS: Final = 60.0
OUTDATED_SECONDS: Final = 60.0
DENIED_SECONDS: Final = 30.0
REFUSED_SECONDS: Final = 60.0
"""For so long a refusal that may change is waited for, once what was active has gone."""

_OF_ADMISSION: Final = ("admission webhook", "denied request", "does not support dry run")
_AFFINITY: Final = re.compile(r"(?<=\.)affinity\.[^\s:,\"']+")


def explained(refusal: Refused) -> Hindrance | None:
    """What it means that a RayService was refused; None: it is trouble of the API server's own."""
    message = shortened(refusal.message)
    if any(sign in refusal.message for sign in ("not declared in schema", "unknown field")):
        # the one field of the spec whose inside is Kubernetes' and not in our CRD
        users = _AFFINITY.search(refusal.message)
        if users:
            field = f"spec.runtime.{users[0]}"
            return Stalled(reasons.INVALID_SPEC, f"Kubernetes has no field {field}")
        return Waiting(reasons.KUBERAY_UNSUPPORTED, message, UNSUPPORTED_SECONDS)
    if any(sign in refusal.message for sign in _OF_ADMISSION):
        # whatever status it has: a policy may be changed
        return Waiting(reasons.ADMISSION_DENIED, message, DENIED_SECONDS)
    if refusal.status in (400, 422):
        return Stalled(reasons.RAYSERVICE_REFUSED, message)
    if refusal.is_transient:
        return None
    finding = denied(refusal)
    return Waiting(finding.reason, finding.message, DENIED_SECONDS)


def denied(refusal: Refused) -> Finding:
    what = refusal.during or "a read"
    return Finding(reasons.API_REFUSED, shortened(f"{what} was refused: {refusal}"))


def met(observed: Observed, roles: Roles, hindrance: Hindrance | None) -> Hindrance | None:
    """What is in the way: of making the revision of the spec, or of what is to run."""
    if hindrance is None and not observed.is_recorded and not roles.returning:
        hindrance = _forgetful(roles)
    parties = (roles.candidate, roles.active, roles.before, roles.held)
    found = next((each for each in parties if each in observed.refused), None)
    if hindrance is not None or found is None:
        return hindrance or observed.occupied.get("Service")
    met = observed.refused[found].hindrance
    if found == roles.active and observed.rayservice_of(found) is None:
        # it was taken once, and nothing serves: whoever refuses it now may think better of it
        return Waiting(met.reason, met.message, REFUSED_SECONDS)
    return met


def _forgetful(roles: Roles) -> Hindrance | None:
    """What cannot be remembered is not begun; what is active goes on."""
    if roles.candidate is None:
        return None
    message = (
        "the CRD has no field status.rollout, where the operator keeps what it remembers:"
        f" revision {roles.candidate} is neither started nor promoted"
    )
    return Waiting(reasons.CRD_OUTDATED, message, OUTDATED_SECONDS)


def is_room_in_vain(observed: Observed, roles: Roles, refused: Refusal, now: datetime) -> bool:
    """What was active has gone for what is asked for, and that cannot come.

    What may change by itself gets a while: a quota counts what has gone a moment longer.
    """
    may_change = isinstance(refused.hindrance, Waiting)
    if may_change and (now - refused.since).total_seconds() < REFUSED_SECONDS:
        return False
    if not roles.recreate or roles.candidate != roles.subject:
        return False
    parties = (each for each in (roles.active, roles.candidate) if each is not None)
    return roles.active is not None and not any(map(observed.rayservice_of, parties))
