"""Artifacts in a namespace: found again, kept, and removed when nothing names them.

An artifact is an immutable Secret that belongs to its ModelDeployment. Besides the labels it
carries one annotation for each content key that gave these very bytes, so that what is asked
for again is taken from here.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.v1alpha1 import ModelDeployment, Source
from bastaix.source.artifact import Artifact
from bastaix.source.cluster import Metadata, Secrets
from bastaix.source.failure import SourceFailure

TYPE: Final = f"{names.GROUP}/artifact"
COLLECT_SECONDS: Final = 300.0
"""Of one ModelDeployment, at most so often: nothing is hurt by an artifact that stays a while."""


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
        """What is younger than `keep_seconds` stays, named or not."""
        self._secrets = secrets
        self._keep = timedelta(seconds=keep_seconds)
        self._now = now
        self._clock = clock
        self._collected: dict[tuple[str, str], float] = {}

    async def exists(self, md: ModelDeployment, digest: str) -> bool:
        name = names.artifact_name(md.name, digest)
        metadata = await self._secrets.metadata((md.namespace, name))
        return metadata is not None and _ours(md, metadata)

    async def find(self, md: ModelDeployment, content: str) -> Held | None:
        """The artifact that this content gave before."""
        for metadata in await self._secrets.artifacts((md.namespace, md.name)):
            name, annotations = metadata["name"], metadata.get("annotations") or {}
            if _annotation(content) not in annotations or not _ours(md, metadata):
                continue
            held = _held(await self._secrets.data((md.namespace, name)) or {})
            if held is not None and names.artifact_name(md.name, held.digest) == name:
                return held
        return None

    async def keep(self, md: ModelDeployment, content: str, artifact: Artifact) -> None:
        """Make it, unless it is there; SourceFailure when its name is taken."""
        manifest = secret(md, content, artifact)
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
        wanted: Mapping[str, str] = manifest["metadata"]["annotations"]
        if not wanted.items() <= (metadata.get("annotations") or {}).items():
            await self._secrets.annotate(name, wanted)

    async def collect(self, md: ModelDeployment, digest: str | None) -> None:
        """Remove what neither the status, which has this digest, nor a revision names.

        A young one stays: an operator that lags behind may be about to make a revision of what
        the status named a moment ago, and a user who goes to and fro gets it back from here.
        """
        owner = (md.namespace, md.name)
        if self._clock() - self._collected.get(owner, -COLLECT_SECONDS) < COLLECT_SECONDS:
            return
        found = [each for each in await self._secrets.artifacts(owner) if _ours(md, each)]
        current = names.artifact_label(digest) if digest else None
        old = [each for each in found if self._is_old(each) and _label(each) != current]
        if old:
            in_use = await self._secrets.in_use(owner)
            for metadata in old:
                if _label(metadata) not in in_use:
                    await self._secrets.delete(metadata)
        self._collected[owner] = self._clock()

    def _is_old(self, metadata: Metadata) -> bool:
        made = datetime.fromisoformat(metadata["creationTimestamp"])
        return self._now() - made >= self._keep

    def forget(self, owner: tuple[str, str]) -> None:
        self._collected.pop(owner, None)


def secret(md: ModelDeployment, content: str, artifact: Artifact) -> dict[str, Any]:
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
            "annotations": {_annotation(content): _pinned(md.spec.source)},
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
    return f"{names.GROUP}/source-{content}"


def _label(metadata: Metadata) -> str:
    return str(metadata["labels"][names.ARTIFACT_LABEL])


def _pinned(source: Source) -> str:
    return source.commit or (source.archive.sha256 if source.archive else "")


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
