"""What it means that the API server did not take something. Pure; what follows is the plan's."""

import re
from typing import Final

from bastaix.api import reasons
from bastaix.api.errors import Hindrance, Stalled, Waiting
from bastaix.api.reasons import Finding
from bastaix.observe.text import shortened
from bastaix.reconcile.cluster import Refused

UNSUPPORTED_SECONDS: Final = 60.0
DENIED_SECONDS: Final = 30.0
TRANSIENT: Final = frozenset({409, 429})
"""Of no interest to anybody: somebody was faster, or the API server has too much to do."""

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
    if refusal.status in (400, 422):
        return Stalled(reasons.RAYSERVICE_REFUSED, message)
    if refusal.status in TRANSIENT or refusal.status >= 500:
        return None
    finding = denied(refusal)
    return Waiting(finding.reason, finding.message, DENIED_SECONDS)


def denied(refusal: Refused) -> Finding:
    what = refusal.during or "a read"
    return Finding(reasons.API_REFUSED, shortened(f"{what} was refused: {refusal}"))
