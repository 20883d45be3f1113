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
"""For one ModelDeployment, at most so often, unless a Pod of it waits for a volume."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lost:
    """An artifact that is gone."""

    digest: str
    source: Source
    """That it can be fetched from."""


class Losses:
    def __init__(self, secrets: Secrets, clock: Callable[[], float]) -> None:
        self._secrets = secrets
        self._clock = clock
        self._searched: dict[Name, float] = {}

    async def find(self, md: ModelDeployment) -> list[Lost]:
        """Of other revisions than the spec's, as far as it can be fetched.

        Nothing where there was a search a moment ago, see `note_search`.
        """
        owner = (md.namespace, md.name)
        waited = self._clock() - self._searched.get(owner, -SEARCH_SECONDS)
        is_missed = (md.status.get("finding") or {}).get("reason") == reasons.VOLUME_MISSING.name
        if waited < SEARCH_SECONDS and not is_missed:
            return []
        labels = [
            label
            for label in sorted(await self._secrets.in_use(owner))
            if not await self._is_held(md, label)
        ]
        return await self._named(md, labels) if labels else []

    def note_search(self, md: ModelDeployment) -> None:
        """What was found has been seen to, as far as that can be."""
        self._searched[md.namespace, md.name] = self._clock()

    def forget(self, owner: Name) -> None:
        self._searched.pop(owner, None)

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
