"""What the user asks for, and since when: kept on the stable Service beside the records. Pure.

A failure counts for as long as the spec asks for the same, and so does a return that was asked
for by the annotation: neither is forgotten because somebody scales, or because the annotation
is overwritten. Which revision follows from it says `rollout.roles`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from bastaix.api import names
from bastaix.api.rollout import Request
from bastaix.rollout.record import Record, promoted

_NO_REASON_TO_TRY_AGAIN: Final = ("scaling", "suspend")
"""Of the spec: a change of these asks for nothing else."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    spec: str
    """Digest of what of the spec counts."""
    generation: int
    """The first one that asked for this."""
    rollback: str | None = None
    """The revision to return to, instead of the spec's."""
    request: str | None = None
    """The last one that was taken in, in its own words."""

    def counts(self, failure: Record) -> bool:
        """It came about while the same was asked for."""
        return failure.failed and (failure.generation or 0) >= self.generation


def current(body: Mapping[str, Any], service: Mapping[str, Any] | None) -> Asked:
    """What was taken in of what a ModelDeployment asks for now, its annotation left aside."""
    digest, kept = _digest(body.get("spec") or {}), _read(service)
    if kept is not None and kept.spec == digest:
        return kept
    return Asked(spec=digest, generation=body["metadata"].get("generation", 1))


def taken_in(
    current: Asked, request: Request | None, records: Mapping[str, Record], leaving: str | None
) -> Asked:
    """With the annotation; `leaving` is the revision that a rollback without a name is from.

    A retry is of the spec: it ends a return.
    """
    if request is None or request.text == current.request:
        return current
    if request.verb == "retry":
        return replace(current, rollback=None, request=request.text)
    if request.verb != "rollback":
        return current
    to = request.revision
    if to is None:
        to = max(promoted(records, without=leaving), default=(None, None))[1]
    if to not in records:
        return current
    return replace(current, rollback=to, request=request.text)


def written(asked: Asked, records: Mapping[str, Record]) -> str | None:
    """The annotation; None: nothing has failed and nobody has asked, so it says nothing."""
    if asked.request is None and not any(each.failed for each in records.values()):
        return None
    given = {key: value for key, value in asdict(asked).items() if value is not None}
    return json.dumps(given, sort_keys=True, separators=(",", ":"))


def _read(service: Mapping[str, Any] | None) -> Asked | None:
    """What was kept; None: nothing, or nothing that can be read."""
    annotations = ((service or {}).get("metadata") or {}).get("annotations") or {}
    try:
        given = Asked(**json.loads(annotations[names.ASKED_ANNOTATION]))
    except (KeyError, ValueError, TypeError):
        return None
    return given if isinstance(given.generation, int) else None


def _digest(spec: Mapping[str, Any]) -> str:
    counted = {key: value for key, value in spec.items() if key not in _NO_REASON_TO_TRY_AGAIN}
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()[:16]
