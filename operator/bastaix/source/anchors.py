"""Which artifacts were verified for a ModelDeployment, as its status says. Pure.

A Secret with its labels, annotations and owner can be written by everybody who may create Secrets;
`status` and ControllerRevisions cannot be written with Kubernetes' role `edit` (1.35). So an
artifact is believed only when one of these names its whole digest, and never by its own word.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeGuard

from bastaix.api.conditions import timestamp
from bastaix.api.sources import code_key, content_key, verification_key
from bastaix.api.v1alpha1 import ModelDeployment, Source
from bastaix.observe.observed import moment

MOST: Final = 12
"""That a status keeps, the latest: as many as the CRD allows, a few more than revisions are."""
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")

Written = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """One content and the artifact that it gave."""

    content: str
    """`api.sources.content_key` of what was fetched and packed."""
    digest: str
    """`sha256:` and 64 hex digits, of the artifact's bytes."""
    uid: str | None = None
    """Of the Secret whose bytes were compared with it last; None: of none yet."""
    at: datetime | None = None
    """When it was asked for last."""


def anchors(md: ModelDeployment) -> Mapping[str, Anchor]:
    """By content key: those of `status.source.artifacts`, and what follows from the rest.

    Earlier versions wrote the digest and the verification key alone. Where that key is of the
    code that the spec asks for now, the digest is of this content.
    """
    source = md.status.get("source") or {}
    found = {anchor.content: anchor for anchor in _listed(source.get("artifacts") or ())}
    content, key = content_key(md.spec.source), verification_key(md.spec)
    last, digest = str(source.get("verified", "")), source.get("digest")
    if content and key and is_digest(digest) and code_key(last) == code_key(key):
        found.setdefault(content, Anchor(content=content, digest=digest))
    return found


def artifacts(md: ModelDeployment, newest: Anchor) -> list[Written]:
    """`status.source.artifacts` with this one in it; of the rest, the latest."""
    others = [anchor for anchor in anchors(md).values() if anchor.content != newest.content]
    # of those whose time is the same it must not matter how the list was sorted
    others.sort(key=lambda anchor: (_seconds(anchor), anchor.content), reverse=True)
    return in_order(_written(anchor) for anchor in (newest, *others[: MOST - 1]))


def in_order(written: Iterable[Mapping[str, Any]]) -> list[Written]:
    """The list is a map for the API server, which promises no order."""
    return sorted((dict(entry) for entry in written), key=lambda entry: str(entry.get("content")))


def revision_anchor(manifest: Mapping[str, Any], uid: str) -> Anchor | None:
    """What a ControllerRevision anchors for the ModelDeployment of this uid.

    Earlier versions kept no content in it. The commit beside the digest does not stand for it:
    another `path` or `exclude` of that commit gives other code.
    """
    owners = manifest["metadata"].get("ownerReferences") or ()
    if not any(owner.get("controller") and owner.get("uid") == uid for owner in owners):
        return None
    data = manifest.get("data") or {}
    content, digest = data.get("content"), data.get("digest")
    if not isinstance(content, str) or not is_digest(digest):
        return None
    return Anchor(content=content, digest=digest)


def origin(source: Source, manifest: Mapping[str, Any]) -> Source | None:
    """What a ControllerRevision was made of, if that is this source at another commit.

    A revision keeps the name of its source and its commit, and not where it came from.
    """
    data = manifest.get("data") or {}
    commit = data.get("commit")
    if source.git is None or not isinstance(commit, str):
        return None
    at_commit = replace(source, git=replace(source.git, commit=commit))
    return at_commit if content_key(at_commit) == data.get("content") else None


def is_digest(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _listed(entries: Iterable[Mapping[str, Any]]) -> Iterable[Anchor]:
    for entry in entries:
        content, digest = entry.get("content"), entry.get("digest")
        if isinstance(content, str) and is_digest(digest):
            at = moment(entry.get("at"))
            yield Anchor(content=content, digest=digest, uid=entry.get("uid"), at=at)


def _written(anchor: Anchor) -> Written:
    fields = {
        "content": anchor.content,
        "digest": anchor.digest,
        "uid": anchor.uid,
        "at": None if anchor.at is None else timestamp(anchor.at),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _seconds(anchor: Anchor) -> float:
    return 0.0 if anchor.at is None else anchor.at.timestamp()
