"""Artifacts in a namespace: found again, kept, and removed when nothing names them.

An artifact is an immutable Secret that belongs to its ModelDeployment. Besides the labels it
carries one annotation for each content key that gave these very bytes, with the time of it, so
that what is asked for again is taken from here, and what is in use is known from what is not.
"""

import base64
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.conditions import timestamp
from bastaix.api.v1alpha1 import ModelDeployment, Source
from bastaix.reconcile.cluster import Refused
from bastaix.source.artifact import Artifact
from bastaix.source.cluster import Metadata, Secrets
from bastaix.source.failure import SourceFailure

TYPE: Final = f"{names.GROUP}/artifact"
MOST_CONTENTS: Final = 100
"""That are noted at one artifact: the API server takes 256 KiB of annotations."""
_CONTENT: Final = f"{names.GROUP}/source-"
COLLECT_SECONDS: Final = 300.0
"""Of one ModelDeployment, at most so often: nothing is hurt by an artifact that stays a while."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Held:
    """An artifact as it was found, its bytes compared with its name."""

    data: bytes
    digest: str


class Artifacts:
    def __init__(
        self,
        secrets: Secrets,
        *,
        keep_seconds: float,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        """What was made or asked for within `keep_seconds` stays, named or not."""
        self._secrets = secrets
        self._keep = timedelta(seconds=keep_seconds)
        self._now = now
        self._clock = clock
        self._collected: dict[tuple[str, str], float] = {}

    async def exists(self, md: ModelDeployment, digest: str) -> bool:
        name = names.artifact_name(md.name, digest)
        metadata = await self._secrets.metadata((md.namespace, name))
        return metadata is not None and _ours(md, metadata)

    async def take(self, md: ModelDeployment, content: str) -> Held | None:
        """The artifact that this content gave before, to be kept from now on like a new one."""
        for metadata in await self._secrets.artifacts((md.namespace, md.name)):
            name, annotations = metadata["name"], metadata.get("annotations") or {}
            if _annotation(content) not in annotations or not _ours(md, metadata):
                continue
            held = _held(await self._secrets.data((md.namespace, name)) or {})
            if held is not None and names.artifact_name(md.name, held.digest) == name:
                await self._note(md, content, metadata)
                return held
        return None

    async def keep(self, md: ModelDeployment, content: str, artifact: Artifact) -> None:
        """Make it, unless it is there; SourceFailure when its name is taken."""
        manifest = secret(md, content, artifact, self._now())
        if await self._secrets.create(manifest):
            return
        name = (md.namespace, manifest["metadata"]["name"])
        metadata, data = await self._secrets.metadata(name), await self._secrets.data(name)
        if metadata is None or data is None:
            raise SourceFailure(reasons.NOT_OWNED, f"Secret {name[1]} came and went", after=1.0)
        if _is_former(md, metadata):
            former = f"the {names.KIND} that had this name before"
            raise SourceFailure(reasons.NOT_OWNED, f"Secret {name[1]} of {former} is to be removed")
        if not _ours(md, metadata) or _held(data) != Held(artifact.data, artifact.digest):
            raise SourceFailure(
                reasons.NOT_OWNED, f"Secret {name[1]} exists and is not this artifact"
            )
        await self._note(md, content, metadata)

    async def _note(self, md: ModelDeployment, content: str, metadata: Metadata) -> None:
        """That this content gave it, and when; what is not noted is only fetched once more."""
        older = _uses(metadata)
        older.pop(_annotation(content), None)
        surplus = sorted(older, key=lambda each: older[each])[: -(MOST_CONTENTS - 1)]
        noted: dict[str, str | None] = dict.fromkeys(surplus)
        noted[_annotation(content)] = _use(md.spec.source, self._now())
        try:
            await self._secrets.annotate((md.namespace, metadata["name"]), noted)
        except Refused as refusal:
            logger.warning("Secret %s/%s: %s", md.namespace, metadata["name"], refusal)

    async def collect(self, md: ModelDeployment, digest: str | None) -> None:
        """Remove what neither the status, which has this digest, nor a revision names.

        A young one stays: an operator that lags behind may be about to make a revision of what
        the status named a moment ago, and a user who goes to and fro gets it back from here.
        """
        owner = (md.namespace, md.name)
        if self._clock() - self._collected.get(owner, -COLLECT_SECONDS) < COLLECT_SECONDS:
            return
        self._collected[owner] = self._clock()
        found = [each for each in await self._secrets.artifacts(owner) if _ours(md, each)]
        current = names.artifact_label(digest) if digest else None
        old = [each for each in found if self._is_old(each) and _label(each) != current]
        if old:
            in_use = await self._secrets.in_use(owner)
            for metadata in old:
                if _label(metadata) not in in_use:
                    await self._secrets.delete(metadata)

    def _is_old(self, metadata: Metadata) -> bool:
        last = max(_made(metadata), *_uses(metadata).values())
        return self._now() - last >= self._keep

    def forget(self, owner: tuple[str, str]) -> None:
        self._collected.pop(owner, None)


def secret(md: ModelDeployment, content: str, artifact: Artifact, now: datetime) -> dict[str, Any]:
    """The Secret of an artifact."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": names.artifact_name(md.name, artifact.digest),
            "namespace": md.namespace,
            "labels": {
                names.NAME_LABEL: md.name,
                names.MANAGED_BY_LABEL: names.MANAGED_BY,
                names.ARTIFACT_LABEL: names.artifact_label(artifact.digest),
            },
            "annotations": {_annotation(content): _use(md.spec.source, now)},
            "ownerReferences": [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": names.KIND,
                    "name": md.name,
                    "uid": md.uid,
                    "controller": True,
                }
            ],
        },
        "type": TYPE,
        "immutable": True,
        "data": {names.artifact_file(artifact.digest): base64.b64encode(artifact.data).decode()},
    }


def _annotation(content: str) -> str:
    return f"{_CONTENT}{content}"


def _label(metadata: Metadata) -> str:
    return str(metadata["labels"][names.ARTIFACT_LABEL])


def _use(source: Source, now: datetime) -> str:
    """What was pinned, for people, and when it was asked for."""
    pinned = source.commit or (source.archive.sha256 if source.archive else "")
    return f"{pinned} {timestamp(now)}"


def _uses(metadata: Metadata) -> dict[str, datetime]:
    """When each content was asked for last; of what somebody has edited, when it was made."""
    noted: Mapping[str, str] = metadata.get("annotations") or {}
    made = _made(metadata)
    return {
        name: _time(text.rpartition(" ")[2]) or made
        for name, text in noted.items()
        if name.startswith(_CONTENT)
    }


def _made(metadata: Metadata) -> datetime:
    return datetime.fromisoformat(metadata["creationTimestamp"])


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None


def _held(data: Mapping[str, bytes]) -> Held | None:
    """The one file of an artifact, if it is what it is called."""
    if len(data) != 1:
        return None
    ((file, content),) = data.items()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Held(content, digest) if file == names.artifact_file(digest) else None


def _ours(md: ModelDeployment, metadata: Metadata) -> bool:
    return _controller(metadata).get("uid") == md.uid


def _is_former(md: ModelDeployment, metadata: Metadata) -> bool:
    """Of a ModelDeployment of this name that is no more: what it owned goes soon."""
    owner = _controller(metadata)
    named = owner.get("kind") == names.KIND and owner.get("name") == md.name
    return named and not _ours(md, metadata)


def _controller(metadata: Metadata) -> Mapping[str, Any]:
    owners = metadata.get("ownerReferences") or ()
    return next((each for each in owners if each.get("controller")), {})
