"""Whose is what, and what is left of a revision that shall hold no Pods. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.errors import Stalled, Waiting
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed, revision_of
from bastaix.observe.ownership import controller_ref, is_controlled_by
from bastaix.render.revision import Revision

Object = Mapping[str, Any]

NOT_OWNED_SECONDS: Final = 60.0
DRAINING_SECONDS: Final = 5.0


def foreign(md: ModelDeployment, live: Object) -> Waiting | None:
    """Why a name that is needed cannot be used: what has it is not ours, and is not touched."""
    if is_controlled_by(live, md.uid):
        return None
    what, owner = f"{live['kind']} {live['metadata']['name']}", controller_ref(live)
    if owner.get("kind") == names.KIND and owner.get("name") == md.name:
        message = f"{what} of the {names.KIND} that had this name before is being removed"
        return Waiting(reasons.DRAINING, message, DRAINING_SECONDS)
    message = f"{what} exists and is not of this {names.KIND}"
    return Waiting(reasons.NOT_OWNED, message, NOT_OWNED_SECONDS)


def demand_identity(found: Revision, sha256: str) -> None:
    """A name has but 8 digits of it; a ControllerRevision of an older operator says no more."""
    if found.sha256 not in (None, sha256):
        message = f"revision {found.hash} is taken by another spec ({found.sha256}, not {sha256})"
        raise Stalled(reasons.REVISION_COLLISION, message)


def living(objects: Iterable[Object]) -> tuple[Object, ...]:
    """Of these, what is not on its way out already."""
    return tuple(obj for obj in objects if "deletionTimestamp" not in obj["metadata"])


def remains(observed: Observed, keep: frozenset[str]) -> Object | None:
    """The first thing that holds resources for a revision that shall not, or not yet again."""
    holders = (*observed.rayservices, *observed.rayclusters, *observed.pods, *observed.leftovers)
    revisions = ((holder, revision_of(holder)) for holder in holders)
    return next((holder for holder, of in revisions if of is not None and of not in keep), None)
