"""What kept revisions name and nobody holds any more: an earlier one may be what serves.

The artifact of the spec's own source is looked after wherever it is verified. That of another
revision is missed only when a Pod of it starts, so it is looked for now and then.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bastaix.api import names, reasons
from bastaix.api.sources import content_key
from bastaix.api.v1alpha1 import ModelDeployment, Source
from bastaix.observe.ownership import is_controlled_by
from bastaix.reconcile.index import Name
from bastaix.source import anchors
from bastaix.source.cluster import Secrets

SEARCH_SECONDS: Final = 300.0
"""For one ModelDeployment, at most so often, unless something waits for what is lost."""
FIRST_SECONDS: Final = 5.0
"""Then after so long, and after twice the time with each search that something waited for."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lost:
    """An artifact that is gone."""

    digest: str
    source: Source
    """That it can be fetched from."""


@dataclass(frozen=True)
class _Search:
    at: float
    has_failed: bool
    """Something that is lost could not be made again."""
    in_row: int
    """How many there have been that something waited for."""


class Losses:
    def __init__(self, secrets: Secrets, clock: Callable[[], float]) -> None:
        self._secrets = secrets
        self._clock = clock
        self._searches: dict[Name, _Search] = {}
        """The last one of each ModelDeployment."""

    def left(self, md: ModelDeployment) -> float:
        """The seconds until the next search; 0 when it is due."""
        last = self._searches.get((md.namespace, md.name))
        if last is None:
            return 0.0
        wait = SEARCH_SECONDS
        if last.has_failed or _is_missed(md):
            wait = min(wait, FIRST_SECONDS * 2.0 ** min(last.in_row, 10))
        return max(0.0, last.at + wait - self._clock())

    def next_look(self, md: ModelDeployment) -> float | None:
        """The seconds until a look that something waits for; None: any later one will do."""
        last = self._searches.get((md.namespace, md.name))
        is_awaited = _is_missed(md) or (last is not None and last.has_failed)
        return self.left(md) if is_awaited else None

    async def find(self, md: ModelDeployment) -> list[Lost]:
        """Of other revisions than the spec's, as far as it can be fetched."""
        owner = (md.namespace, md.name)
        in_use = await self._secrets.in_use(owner)
        listed = await self._secrets.artifacts(owner) if in_use else ()
        ours = (found for found in listed if is_controlled_by({"metadata": found}, md.uid))
        held = {metadata["name"] for metadata in ours}
        labels = [
            label
            for label in sorted(in_use)
            # not every one need be in the list
            if names.artifact_name(md.name, label) not in held
            and not await self._is_held(md, label)
        ]
        return await self._named(md, labels) if labels else []

    def note_search(self, md: ModelDeployment, *, has_failed: bool) -> None:
        """What was found has been seen to, as far as that can be."""
        last = self._searches.get((md.namespace, md.name))
        is_awaited = has_failed or _is_missed(md)
        in_row = (last.in_row if last else 0) + 1 if is_awaited else 0
        self._searches[md.namespace, md.name] = _Search(self._clock(), has_failed, in_row)

    def forget(self, owner: Name) -> None:
        self._searches.pop(owner, None)

    async def _is_held(self, md: ModelDeployment, label: str) -> bool:
        name = names.artifact_name(md.name, label)
        metadata = await self._secrets.metadata((md.namespace, name))
        return metadata is not None and is_controlled_by({"metadata": metadata}, md.uid)

    async def _named(self, md: ModelDeployment, labels: list[str]) -> list[Lost]:
        current = content_key(md.spec.source)
        found: dict[str, Lost] = {}
        for revision in await self._secrets.revisions((md.namespace, md.name)):
            anchor = anchors.revision_anchor(revision, md.uid)
            if anchor is None or names.artifact_label(anchor.digest) not in labels:
                continue
            if current is not None and anchor.is_of(current):
                continue
            source = anchors.origin(md.spec.source, revision)
            if source is not None:
                found[anchor.digest] = Lost(anchor.digest, source)
                continue
            secret = names.artifact_name(md.name, anchor.digest)
            why = "it is not of the spec's source at another commit"
            logger.warning("%s/%s: Secret %s stays gone: %s", md.namespace, md.name, secret, why)
        return list(found.values())


def _is_missed(md: ModelDeployment) -> bool:
    """A Pod of it waits for a volume, which may be an artifact."""
    return (md.status.get("finding") or {}).get("reason") == reasons.VOLUME_MISSING.name
