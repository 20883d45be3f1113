"""How much of what belongs to one ModelDeployment is unpacked for a look at it. Pure.

Who knows a uid may name it as the controller of anything, and revisions of older versions may have
specs of any size. What is too much is a stub, as if each of it were too large.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Final

from bastaix.api import names
from bastaix.observe.observed import Object
from bastaix.observe.ownership import revision_label
from bastaix.reconcile.index import Name
from bastaix.reconcile.kinds import POD, Kind

MOST_UNPACKED: Final = 8 * 1024 * 1024
"""Bytes that objects of one kind and one owner take as Python objects; a Pod of Ray has 60 KB."""
MOST_OBJECTS: Final = 50
"""Of one kind and one owner; of revisions, clusters and evaluations there are ten or so."""
MOST_PODS: Final = 500
MOST_READ: Final = 50
"""Objects of one kind and one owner for which the index has no room: each is a request."""


def affordable(
    weights: Mapping[Name, int],
    needed: Iterable[Name] = (),
    left_out: Container[Name] = (),
    *,
    most: int = MOST_UNPACKED,
    most_read: int = MOST_READ,
    most_objects: int = MOST_OBJECTS,
) -> frozenset[Name]:
    """Which of these are unpacked: what is needed whatever it weighs, then the lightest.

    So many at most that are `left_out` of the index are read besides, and so many at most of
    what is not needed: small objects cost their number.
    """
    needed = [name for name in needed if name in weights]
    found, left, reads = set(needed), most - sum(weights[name] for name in needed), most_read
    for name in sorted(weights.keys() - found, key=lambda name: (weights[name], name)):
        left -= weights[name]
        reads -= name in left_out
        if left < 0 or len(found) >= most_objects + len(needed):
            break
        if reads >= 0 or name not in left_out:
            found.add(name)
    return frozenset(found)


def needed(
    owner: Name, briefs: Mapping[Name, Object], revisions: Container[str]
) -> frozenset[Name]:
    """The RayServices, ControllerRevisions or Jobs of these revisions: by their whole name.

    A label could be that of any number of objects.
    """
    return frozenset(name for name, brief in briefs.items() if _is_of(owner, brief, revisions))


def most_objects(kind: Kind) -> int:
    """How many objects of a kind are unpacked for one owner."""
    return MOST_PODS if kind == POD else MOST_OBJECTS


def _is_of(owner: Name, brief: Object, revisions: Container[str]) -> bool:
    name, revision = brief["metadata"]["name"], revision_label(brief) or ""
    if revision in revisions and name == names.rayservice_name(owner[1], revision):
        return True
    evaluated = (brief["metadata"].get("labels") or {}).get(names.EVALUATION_LABEL, "")
    return evaluated in revisions and name == names.evaluation_name(owner[1], evaluated)
