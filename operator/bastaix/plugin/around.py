"""A ModelDeployment with all that belongs to it: what `why` explains and `bundle` packs. Pure.

What the user may not read is named with why, and everything else goes on without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from bastaix.api import names
from bastaix.observe.observed import Observed
from bastaix.plugin.seen import Object, Seen
from bastaix.reconcile.kinds import (
    CONTROLLERREVISION,
    JOB,
    POD,
    RAYCLUSTER,
    RAYSERVICE,
    Kind,
)

EVENT: Final = Kind("", "v1", "events", "Event")
"""Of the core group, which Kubernetes' own role `view` may read; they are the same objects."""
LABELLED: Final = (CONTROLLERREVISION, RAYSERVICE, RAYCLUSTER, POD, JOB)
"""What bears the name of its ModelDeployment in a label."""

Why = Literal["forbidden", "absent", "failed"]


@dataclass(frozen=True)
class Unread:
    """Why a kind of objects is not known."""

    why: Why
    message: str


@dataclass(frozen=True)
class Around:
    seen: Seen
    objects: Mapping[Kind, tuple[Object, ...]] = field(default_factory=dict)
    service: Object | None = None
    unread: Mapping[Kind, Unread] = field(default_factory=dict)
    at: datetime | None = None
    """When it was seen; None: nobody has said."""

    def of(self, kind: Kind) -> tuple[Object, ...]:
        return self.objects.get(kind, ())

    @property
    def observed(self) -> Observed:
        """As the operator would see it, but for the answers, which it alone gets."""
        is_missing = self.unread.get(RAYSERVICE, Unread("failed", "")).why == "absent"
        return Observed(
            md_body=self.seen.body,
            rayservices=self.of(RAYSERVICE),
            rayclusters=self.of(RAYCLUSTER),
            pods=self.of(POD),
            jobs=self.of(JOB),
            service=self.service,
            controller_revisions=self.of(CONTROLLERREVISION),
            at=self.at,
            kuberay="missing" if is_missing else "present",
        )

    @property
    def events(self) -> tuple[Object, ...]:
        """Of the ModelDeployment and of all that is or was its own, the newest first."""
        return self.seen.events or ()


def concerning(around: Around, events: Sequence[Object]) -> list[Object]:
    """Those of it and of all that is or was its own. An Event bears no label of what it is about.

    Of what has gone by now the name still tells, as it begins with that of its revision.
    """
    there = set(_named(around))
    prefixes = tuple(f"{each['metadata']['name']}-" for each in around.of(CONTROLLERREVISION))
    kinds = {kind.name for kind in LABELLED}

    def is_one(event: Object) -> bool:
        about = event.get("involvedObject") or {}
        kind, name = str(about.get("kind")), str(about.get("name"))
        return (kind, name) in there or (kind in kinds and name.startswith(prefixes))

    return [each for each in events if is_one(each)]


def _named(around: Around) -> Iterator[tuple[str, str]]:
    name = around.seen.name
    yield names.KIND, name
    yield "Service", names.service_name(name)
    for kind, bodies in around.objects.items():
        for body in bodies:
            yield kind.name, str(body["metadata"]["name"])
