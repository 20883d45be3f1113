"""A ModelDeployment with all that belongs to it: what `why` explains and `bundle` packs. Pure.

What belongs to it is decided as the operator decides it (`observe.ownership`): a label alone proves
nothing. What the user may not read is named with why, and everything else goes on without it.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from bastaix.api import names
from bastaix.observe.observed import Observed
from bastaix.observe.ownership import family, is_controlled_by
from bastaix.plugin.seen import Object, Seen
from bastaix.reconcile.kinds import (
    CONTROLLERREVISION,
    JOB,
    POD,
    RAYCLUSTER,
    RAYSERVICE,
    SERVICE,
    Kind,
)

EVENT: Final = Kind("", "v1", "events", "Event")
"""Of the core group, which Kubernetes' own role `view` may read; they are the same objects."""
LABELLED: Final = (CONTROLLERREVISION, RAYSERVICE, RAYCLUSTER, POD, JOB)
"""What bears the name of its ModelDeployment in a label."""

Why = Literal["forbidden", "absent", "failed"]
Named = tuple[str, str]
"""The kind of an object and its name."""


@dataclass(frozen=True)
class Unread:
    """Why a kind of objects is not known."""

    why: Why
    message: str


@dataclass(frozen=True)
class Around:
    seen: Seen
    objects: Mapping[Kind, tuple[Object, ...]] = field(default_factory=dict)
    """Its own, and what is left over of a revision that goes."""
    service: Object | None = None
    unread: Mapping[Kind, Unread] = field(default_factory=dict)
    at: datetime | None = None
    """When it was seen; None: nobody has said."""
    leftovers: frozenset[Named] = frozenset()
    """Of the objects, those whose owner has gone."""
    strangers: tuple[Named, ...] = ()
    """What bears its label, or has the name of its Service, and is not its own."""

    def of(self, kind: Kind) -> tuple[Object, ...]:
        return self.objects.get(kind, ())

    @property
    def observed(self) -> Observed:
        """As the operator would see it, but for the answers, which it alone gets."""
        is_missing = self.unread.get(RAYSERVICE, Unread("failed", "")).why == "absent"
        return Observed(
            md_body=self.seen.body,
            rayservices=self._own(RAYSERVICE),
            rayclusters=self._own(RAYCLUSTER),
            pods=self._own(POD),
            jobs=self._own(JOB),
            service=self.service,
            controller_revisions=self.of(CONTROLLERREVISION),
            leftovers=tuple(
                body
                for kind, bodies in self.objects.items()
                for body in bodies
                if named(kind, body) in self.leftovers
            ),
            at=self.at,
            kuberay="missing" if is_missing else "present",
        )

    def _own(self, kind: Kind) -> tuple[Object, ...]:
        return tuple(body for body in self.of(kind) if named(kind, body) not in self.leftovers)

    @property
    def events(self) -> tuple[Object, ...]:
        """Of the ModelDeployment and of all that is or was its own, the newest first."""
        return self.seen.events or ()


def named(kind: Kind, body: Object) -> Named:
    return kind.name, str(body["metadata"]["name"])


def belonging(
    seen: Seen,
    labelled: Mapping[Kind, tuple[Object, ...]],
    service: Object | None,
    unread: Mapping[Kind, Unread],
) -> Around:
    """Of what bears its label and of what has its Service's name, what is its own.

    Where the owners of something cannot be read, what names such an owner counts as its own: the
    operator, which can, is believed more.
    """
    uid = str(seen.body["metadata"]["uid"])
    told_apart = family(
        seen.name,
        uid,
        rayservices=labelled.get(RAYSERVICE, ()),
        rayclusters=labelled.get(RAYCLUSTER, ()),
        pods=labelled.get(POD, ()),
        jobs=labelled.get(JOB, ()),
        controller_revisions=labelled.get(CONTROLLERREVISION, ()),
    )
    own = (
        *told_apart.rayservices,
        *told_apart.rayclusters,
        *told_apart.pods,
        *told_apart.jobs,
        *told_apart.controller_revisions,
    )
    shown = {id(body) for body in (*own, *told_apart.leftovers)}
    left = {id(body) for body in told_apart.leftovers}
    strange = {id(body) for body in told_apart.strangers}
    if unread.keys() & {RAYSERVICE, RAYCLUSTER}:
        left = set()
    is_strange = service is not None and not is_controlled_by(service, uid)
    return Around(
        seen,
        {kind: tuple(e for e in bodies if id(e) in shown) for kind, bodies in labelled.items()},
        None if is_strange else service,
        unread,
        leftovers=frozenset(_those(labelled, left)),
        strangers=(
            *_those(labelled, strange),
            *([named(SERVICE, service)] if service is not None and is_strange else ()),
        ),
    )


def _those(labelled: Mapping[Kind, tuple[Object, ...]], ids: Container[int]) -> Iterator[Named]:
    for kind, bodies in labelled.items():
        yield from (named(kind, body) for body in bodies if id(body) in ids)


def concerning(around: Around, events: Sequence[Object]) -> list[Object]:
    """Those of it and of all that is or was its own. An Event bears no label of what it is about.

    Of what has gone by now the name still tells, as it begins with that of its revision.
    """
    strangers = set(around.strangers)
    there = set(_named(around))
    prefixes = tuple(f"{each['metadata']['name']}-" for each in around.of(CONTROLLERREVISION))
    kinds = {kind.name for kind in LABELLED}

    def is_one(event: Object) -> bool:
        about = event.get("involvedObject") or {}
        kind, name = str(about.get("kind")), str(about.get("name"))
        if (kind, name) in strangers:
            return False
        return (kind, name) in there or (kind in kinds and name.startswith(prefixes))

    return [each for each in events if is_one(each)]


def _named(around: Around) -> Iterator[tuple[str, str]]:
    name = around.seen.name
    yield names.KIND, name
    yield "Service", names.service_name(name)
    for kind, bodies in around.objects.items():
        for body in bodies:
            yield kind.name, str(body["metadata"]["name"])
