"""Whether a candidate would fit in the place of the active revision. Pure.

Asked before the strategy Auto removes what serves. Nobody can know what the scheduler will find;
but what asks for no more than what goes, and may go to the same nodes, has room for sure.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from bastaix.api.quantities import amount
from bastaix.observe.observed import Observed

_PLACED_BY: Final = ("nodeSelector", "affinity", "tolerations", "runtimeClassName")


def excess(observed: Observed, candidate: str, active: str) -> str | None:
    """In what it asks for more than the active revision has; None: in nothing."""
    new, old = _cluster(observed, candidate), _cluster(observed, active)
    if not old:
        return None
    return next(_excesses(new, old), None)


def _excesses(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[str]:
    """Pod by Pod: that it has as many replicas at the most is the gate's and the spec's."""
    for role, wanted, held in zip(("head", "worker"), _pods(new), _pods(old), strict=True):
        for key in _PLACED_BY:
            if wanted.get(key) != held.get(key):
                yield f"the {key} of its {role} Pods is another"
        if not _claims(wanted) <= _claims(held):
            yield f"its {role} Pods mount other volumes"
        requests, there = _requests(wanted), _requests(held)
        for resource in sorted(requests):
            if requests[resource] > there[resource]:
                yield f"its {role} Pods ask for more {resource}"


def _cluster(observed: Observed, revision: str) -> Mapping[str, Any]:
    found = observed.rayservice_of(revision) or {}
    cluster: Mapping[str, Any] = (found.get("spec") or {}).get("rayClusterConfig") or {}
    return cluster


def _pods(cluster: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    (group,) = cluster["workerGroupSpecs"]
    return cluster["headGroupSpec"]["template"]["spec"], group["template"]["spec"]


def _claims(pod: Mapping[str, Any]) -> set[str]:
    """Of volumes, which may be bound to other nodes, or to none."""
    claims = (each.get("persistentVolumeClaim") for each in pod.get("volumes") or ())
    return {str(claim["claimName"]) for claim in claims if claim}


def _requests(pod: Mapping[str, Any]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = defaultdict(Decimal)
    for container in pod["containers"]:
        for resource, quantity in _requested(container.get("resources") or {}).items():
            total[resource] += amount(str(quantity)) or 0
    return total


def _requested(resources: Mapping[str, Any]) -> dict[str, Any]:
    """What is limited and not asked for is asked for as it is limited."""
    return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
