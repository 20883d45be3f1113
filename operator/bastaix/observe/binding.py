"""Claims that are not bound yet: a Pod waits for them before it gets a node. Pure.

The scheduler names no claim that is unbound, and says nothing at all while a volume is made for
the node that it has chosen (WaitForFirstConsumer). So the claims of a Pod without a node are
wanted, and the Events of those that are Pending. Reading them is the reconciler's.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from bastaix.api import reasons
from bastaix.api.patterns import OBJECT_NAME
from bastaix.api.reasons import Finding
from bastaix.observe import pods
from bastaix.observe.mounting import MOST_PODS, last_seen
from bastaix.observe.observed import Object, Observed, condition, creation, moment
from bastaix.observe.text import shortened

MOST_CLAIMS: Final = 4
"""Of one Pod that are read: one that is not bound is enough."""
_FAILED: Final = frozenset({"ProvisioningFailed", "FailedBinding"})


def wanted(observed: Observed, at: datetime) -> Iterator[tuple[Object, float]]:
    """The Pods whose claims are wanted, or soon will be, and for how long each has waited."""
    seen: Counter[str] = Counter()
    for pod in observed.pods:
        created = moment(creation(pod))
        if created is None or not claims(pod) or not _may_wait_for_one(pod):
            continue
        seen[role := pods.called(pod).partition(" ")[0]] += 1
        if seen[role] <= MOST_PODS:
            yield pod, max(0.0, (at - created).total_seconds())


def claims(pod: Object) -> tuple[str, ...]:
    """The names of those that a Pod mounts; a Pod may name what no object is called, as `..`."""
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    found = (volume.get("persistentVolumeClaim") or {} for volume in volumes)
    named = (str(claim["claimName"]) for claim in found if "claimName" in claim)
    return tuple(filter(OBJECT_NAME.fits, named))[:MOST_CLAIMS]


def is_pending(claim: Object) -> bool:
    return str((claim.get("status") or {}).get("phase", "Pending")) == "Pending"


def complaint(claim: Object, events: Iterable[Object]) -> str:
    """What is said of a claim that is Pending: why no volume is made for it, if that is known."""
    storage_class = (claim.get("spec") or {}).get("storageClassName")
    of_class = f" of storage class {storage_class}" if storage_class else ""
    said = f"claim {claim['metadata']['name']}{of_class} is not bound yet"
    newest = max(
        (event for event in events if event.get("reason") in _FAILED), key=last_seen, default=None
    )
    return said if newest is None else f"{said}: {newest['reason']}: {newest.get('message') or ''}"


def finding(pod: Object, complaint: str) -> Finding:
    message = shortened(f"{pods.called(pod)}: {complaint}")
    return Finding(reasons.BINDING_VOLUME, message, f"Pod/{pod['metadata']['name']}")


def _may_wait_for_one(pod: Object) -> bool:
    if "deletionTimestamp" in pod["metadata"]:
        return False
    if condition(pod, "PodScheduled").get("status") == "True":
        return False
    found = pods.hindrance(pod)
    return found is None or found.reason.heals == "itself"
