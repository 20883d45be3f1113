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
from bastaix.api.sources import (
    EARLIER_DIGITS,
    content_fields,
    content_key,
    is_code_verified,
    is_content,
    written_content,
)
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
    """`api.sources.content_key` of what was fetched and packed; of an earlier version 16 digits."""
    digest: str
    """`sha256:` and 64 hex digits, of the artifact's bytes."""
    uid: str | None = None
    """Of the Secret whose bytes were compared with it last; None: of none yet."""
    at: datetime | None = None
    """When it was asked for last."""

    def is_of(self, content: str) -> bool:
        return is_content(self.content, content)

    @property
    def entry(self) -> str:
        """By what the list in a status tells it apart."""
        return self.content[:EARLIER_DIGITS]


def anchors(md: ModelDeployment) -> Mapping[str, Anchor]:
    """By `entry`: those of `status.source.artifacts`, and what follows from the rest.

    Earlier versions wrote the digest and the verification key alone. Where that key is of the
    code that the spec asks for now, the digest is of this content.
    """
    source = md.status.get("source") or {}
    found = {anchor.entry: anchor for anchor in _listed(source.get("artifacts") or ())}
    content, digest = content_key(md.spec.source), source.get("digest")
    if content and is_digest(digest) and is_code_verified(source, md.spec):
        anchor = Anchor(content=content, digest=digest)
        found.setdefault(anchor.entry, anchor)
    return found


def anchor_of(md: ModelDeployment, content: str) -> Anchor | None:
    """What this content gave, as the status says."""
    return next((anchor for anchor in anchors(md).values() if anchor.is_of(content)), None)


def artifacts(md: ModelDeployment, newest: Anchor) -> list[Written]:
    """`status.source.artifacts` with this one in it; of the rest, the latest."""
    others = [anchor for anchor in anchors(md).values() if anchor.entry != newest.entry]
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
    content, digest = written_content(data), data.get("digest")
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
    content = content_key(at_commit)
    return at_commit if content and is_content(written_content(data), content) else None


def is_digest(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _listed(entries: Iterable[Mapping[str, Any]]) -> Iterable[Anchor]:
    for entry in entries:
        content, digest = written_content(entry), entry.get("digest")
        if isinstance(content, str) and is_digest(digest):
            at = moment(entry.get("at"))
            yield Anchor(content=content, digest=digest, uid=entry.get("uid"), at=at)


def _written(anchor: Anchor) -> Written:
    fields = {
        **content_fields(anchor.content),
        "digest": anchor.digest,
        "uid": anchor.uid,
        "at": None if anchor.at is None else timestamp(anchor.at),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _seconds(anchor: Anchor) -> float:
    return 0.0 if anchor.at is None else anchor.at.timestamp()
