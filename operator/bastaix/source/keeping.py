"""Artifacts in a namespace: found again, kept, replaced, and removed when nothing names them.

An artifact is an immutable Secret that belongs to its ModelDeployment. Which bytes it must hold is
known from where tenants cannot write (`source.anchors`); of the Secret itself only its type, its
controlling owner, its immutability and its bytes count. Kubernetes lets nobody change the data or
the type of an immutable Secret (1.35), so bytes that were compared once need no second look for as
long as the Secret has the same uid.
"""

import base64
import binascii
import hashlib
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.source import anchors
from bastaix.source.anchors import Anchor
from bastaix.source.artifact import Artifact
from bastaix.source.cluster import Metadata, Secrets
from bastaix.source.failure import SourceFailure

TYPE: Final = f"{names.GROUP}/artifact"
COLLECT_SECONDS: Final = 300.0
"""Of one ModelDeployment, at most so often: nothing is hurt by an artifact that stays a while."""
MOST_COMPARED: Final = 10_000
"""That are remembered; one that is forgotten is read once more."""
TAKEN_SECONDS: Final = 30.0
"""Until another look at a name that somebody else's Secret has."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Held:
    """An artifact as it was found, its bytes compared with its digest."""

    data: bytes
    digest: str
    uid: str
    """Of its Secret."""


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
        self._compared: dict[str, None] = {}
        """Uids of Secrets that hold what they should though no status notes them, in order."""

    async def uid(self, md: ModelDeployment, anchor: Anchor) -> str | None:
        """Of the Secret that holds the artifact; None: there is none, or it holds something else.

        Its bytes are read only if they are of a Secret that was not compared before.
        """
        name = (md.namespace, names.artifact_name(md.name, anchor.digest))
        metadata = await self._secrets.metadata(name)
        if metadata is None or not _is_owned(md, metadata):
            return None
        if metadata["uid"] == anchor.uid:
            return anchor.uid
        secret = await self._secrets.secret(name)
        held = None if secret is None else genuine(md, anchor.digest, secret)
        return None if held is None else held.uid

    async def is_named(self, md: ModelDeployment, content: str) -> bool:
        """Whether a revision was made of what this content gave."""
        return bool(await self._named_by_revisions(md, content))

    async def take(self, md: ModelDeployment, content: str) -> Held | None:
        """The artifact that this content gave before, as the status or else a revision says.

        SourceFailure when its name is taken by a Secret that is somebody else's.
        """
        known = anchors.anchor_of(md, content)
        digests = [known.digest] if known else await self._named_by_revisions(md, content)
        for digest in digests:
            held = await self._inspect(md, digest)
            if held is not None:
                return held
        return None

    async def keep(self, md: ModelDeployment, artifact: Artifact) -> str:
        """Make it, unless it is there; gives the uid of its Secret.

        SourceFailure when its name is taken.
        """
        manifest = secret(md, artifact)
        for _ in range(2):
            uid = await self._secrets.create(manifest)
            if uid is not None:
                return uid
            held = await self._inspect(md, artifact.digest)
            if held is not None:
                return held.uid
        name = manifest["metadata"]["name"]
        raise SourceFailure(reasons.NOT_OWNED, f"Secret {name} came and went", after=1.0)

    async def _named_by_revisions(self, md: ModelDeployment, content: str) -> list[str]:
        revisions = await self._secrets.revisions((md.namespace, md.name))
        found = [anchors.revision_anchor(revision, md.uid) for revision in revisions]
        return sorted({anchor.digest for anchor in found if anchor and anchor.is_of(content)})

    async def _inspect(self, md: ModelDeployment, digest: str) -> Held | None:
        """What is kept under this artifact's name, if it is that; what pretends to be is removed.

        SourceFailure when the Secret is not ours to remove.
        """
        name = names.artifact_name(md.name, digest)
        found = await self._secrets.secret((md.namespace, name))
        if found is None:
            return None
        held = genuine(md, digest, found)
        if held is not None:
            return held
        _demand_ours(md, found)
        other = _own_digest(found)
        if other != digest and other in {anchor.digest for anchor in anchors.anchors(md).values()}:
            raise SourceFailure(
                reasons.NOT_OWNED,
                f"Secret {name} holds the artifact {other}, which begins like {digest}: two"
                " artifacts of one ModelDeployment cannot share a name; change a file of the code",
            )
        logger.warning("Secret %s/%s is not the artifact %s: removed", md.namespace, name, digest)
        await self._secrets.delete(found["metadata"])
        return None

    async def collect(self, md: ModelDeployment, digest: str | None) -> None:
        """Remove what neither the status, which has this digest, nor a revision names.

        A young one stays: an operator that lags behind may be about to make a revision of what
        the status named a moment ago, and a user who goes to and fro gets it back from here.
        """
        owner = (md.namespace, md.name)
        if self._clock() - self._collected.get(owner, -COLLECT_SECONDS) < COLLECT_SECONDS:
            return
        self._collected[owner] = self._clock()
        listed = await self._secrets.artifacts(owner)
        found = [metadata for metadata in listed if _is_owned(md, metadata)]
        current = names.artifact_label(digest) if digest else None
        asked = anchors.anchors(md).values()
        await self._remove_replaced(md, found, [each for each in asked if each.digest != digest])
        old = [
            metadata
            for metadata in found
            if _label(metadata) != current and self._is_old(metadata, asked)
        ]
        if old:
            in_use = await self._secrets.in_use(owner)
            for metadata in old:
                if _label(metadata) not in in_use:
                    await self._secrets.delete(metadata)

    async def _remove_replaced(
        self, md: ModelDeployment, found: Collection[Metadata], asked: Collection[Anchor]
    ) -> None:
        """Of what other sources gave: an earlier revision may be what serves, and mount it."""
        anchored = {names.artifact_name(md.name, anchor.digest): anchor for anchor in asked}
        for metadata in found:
            anchor, uid = anchored.get(metadata["name"]), str(metadata["uid"])
            if anchor is None or uid == anchor.uid or uid in self._compared:
                continue
            try:
                held = await self._inspect(md, anchor.digest)
            except SourceFailure as failure:
                logger.warning("%s/%s: %s", md.namespace, md.name, failure.message)
                continue
            if held is not None:
                self._compared[held.uid] = None
                while len(self._compared) > MOST_COMPARED:
                    del self._compared[next(iter(self._compared))]

    def _is_old(self, metadata: Metadata, asked: Collection[Anchor]) -> bool:
        label = _label(metadata)
        same = [each for each in asked if names.artifact_label(each.digest) == label]
        times = [each.at for each in same if each.at]
        last = max((datetime.fromisoformat(metadata["creationTimestamp"]), *times))
        return self._now() - last >= self._keep

    def forget(self, owner: tuple[str, str]) -> None:
        self._collected.pop(owner, None)


def secret(md: ModelDeployment, artifact: Artifact) -> dict[str, Any]:
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


def genuine(md: ModelDeployment, digest: str, found: Mapping[str, Any]) -> Held | None:
    """The artifact of this digest, if the Secret is that in all that counts."""
    metadata = found["metadata"]
    if found.get("type") != TYPE or found.get("immutable") is not True:
        return None
    if not _is_owned(md, metadata) or _own_digest(found) != digest:
        return None
    return Held(_content(found) or b"", digest, str(metadata["uid"]))


def _own_digest(found: Mapping[str, Any]) -> str | None:
    """Of the one file that it holds, if that is what it is called."""
    content = _content(found)
    if content is None:
        return None
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return digest if names.artifact_file(digest) in found["data"] else None


def _content(found: Mapping[str, Any]) -> bytes | None:
    data = found.get("data") or {}
    if len(data) != 1:
        return None
    (text,) = data.values()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _demand_ours(md: ModelDeployment, found: Mapping[str, Any]) -> None:
    """SourceFailure: somebody else made it, so nobody but he may remove it."""
    metadata = found["metadata"]
    if found.get("type") == TYPE and _is_owned(md, metadata):
        return
    name = metadata["name"]
    if _is_former(md, metadata):
        former = f"the {names.KIND} that had this name before"
        raise SourceFailure(
            reasons.NOT_OWNED, f"Secret {name} of {former} is to be removed", after=5.0
        )
    raise SourceFailure(
        reasons.NOT_OWNED,
        f"Secret {name} exists and is not this artifact: kubectl delete secret {name}"
        f" --namespace {md.namespace}",
        after=TAKEN_SECONDS,
    )


def _label(metadata: Metadata) -> str:
    return str(metadata["labels"][names.ARTIFACT_LABEL])


def _is_owned(md: ModelDeployment, metadata: Metadata) -> bool:
    return _controller(metadata).get("uid") == md.uid


def _is_former(md: ModelDeployment, metadata: Metadata) -> bool:
    """Of a ModelDeployment of this name that is no more: what it owned goes soon."""
    owner = _controller(metadata)
    named = owner.get("kind") == names.KIND and owner.get("name") == md.name
    return named and not _is_owned(md, metadata)


def _controller(metadata: Metadata) -> Mapping[str, Any]:
    owners = metadata.get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})
