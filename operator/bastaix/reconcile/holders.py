"""Whose is what, and what is left of a revision that shall hold no Pods. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.errors import Stalled, Waiting
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed, revision_of
from bastaix.reconcile.drift import controller, owned
from bastaix.render.revision import Revision

Object = Mapping[str, Any]

NOT_OWNED_SECONDS: Final = 60.0
DRAINING_SECONDS: Final = 5.0

_CONTROLLERS: Final = {"RayService": names.KIND, "RayCluster": "RayService", "Pod": "RayCluster"}
"""What controls each kind that holds resources."""


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


def demand_identity(found: Revision, sha256: str) -> None:
    """A name has but 8 digits of it; a ControllerRevision of an older operator says no more."""
    if found.sha256 not in (None, sha256):
        message = f"revision {found.hash} is taken by another spec ({found.sha256}, not {sha256})"
        raise Stalled(reasons.REVISION_COLLISION, message)


def ours(md: ModelDeployment, objects: Iterable[Object]) -> tuple[Object, ...]:
    """Of these, what is ours and not on its way out already."""
    return tuple(
        each
        for each in objects
        if "deletionTimestamp" not in each["metadata"] and owned(each, md.uid)
    )


def remains(md: ModelDeployment, observed: Observed, keep: frozenset[str]) -> Object | None:
    """The first thing that holds resources for a revision that shall not, or not yet again."""
    holders = (*observed.rayservices, *observed.rayclusters, *observed.pods)
    return next((each for each in holders if _is_former(md, each, keep)), None)


def _is_former(md: ModelDeployment, each: Object, keep: frozenset[str]) -> bool:
    """Ours by labels and by the kind of its owner; anybody can make a Pod with our labels.

    Uids cannot tell: an owner is gone before what it owns.
    """
    former = revision_of(each)
    if former is None or former in keep:
        return False
    owners = {names.KIND: md.name, "RayService": names.rayservice_name(md.name, former)}
    kind = _CONTROLLERS[each["kind"]]
    return _controlled_by(each, kind, owners.get(kind))


def _controlled_by(live: Object, kind: str, name: str | None) -> bool:
    owner = controller(live) or {}
    return owner.get("kind") == kind and name in (None, owner.get("name"))
