"""What the user asks for, and since when: remembered beside the records. Pure.

A failure counts for as long as the spec asks for the same, and so does a return that was asked
for by the annotation: neither is forgotten because somebody scales, or because the annotation
is overwritten. Which revision follows from it says `rollout.roles`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from bastaix.api.rollout import Request
from bastaix.rollout.record import Record, is_number, is_revision, is_text, promoted

_NO_REASON_TO_TRY_AGAIN: Final = ("scaling", "suspend")
"""Of the spec: a change of these asks for nothing else."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    spec: str
    """Digest of what of the spec counts."""
    generation: int
    """The first one that wished for this."""
    last: int = 0
    """The last one that was seen to do so, whatever defaults a newer CRD lays over it."""
    rollback: str | None = None
    """The revision to return to, instead of the spec's."""
    request: str | None = None
    """The last one that was taken in, in its own words."""

    def counts(self, failure: Record) -> bool:
        """It came about under the same wish."""
        is_older = (failure.generation or 0) < self.generation
        return failure.failed and not is_older and failure.request == self.request


def current(body: Mapping[str, Any], kept: Wish | None) -> Wish:
    """What was taken in of what a ModelDeployment asks for now, its annotation left aside."""
    digest = _digest(body.get("spec") or {})
    generation = body["metadata"].get("generation", 1)
    if kept is not None and kept.generation <= generation:
        is_seen = generation in (kept.last, kept.generation)
        if is_seen or kept.spec == digest:
            return replace(kept, spec=digest, last=generation)
    return Wish(spec=digest, generation=generation, last=generation)


def taken_in(
    current: Wish,
    request: Request | None,
    records: Mapping[str, Record],
    *,
    target: str | None,
    active: str | None,
) -> Wish:
    """With the annotation, unless nothing can be meant by it.

    A retry is of the spec: it ends a return. So does a rollback to the spec's own revision.
    """
    if request is None or request.text == current.request:
        return current
    if request.verb == "retry" and request.revision in (None, target, current.rollback):
        return replace(current, rollback=None, request=request.text)
    if request.verb != "rollback":
        return current
    to = request.revision
    if to is None:
        to = max(promoted(records, without=target or active), default=(None, None))[1]
    if to not in records:
        return current
    return replace(current, rollback=None if to == target else to, request=request.text)


def fields(wish: Wish) -> dict[str, Any]:
    """As it is written down."""
    given = {_NAMES.get(key, key): value for key, value in asdict(wish).items()}
    return {key: value for key, value in given.items() if value is not None}


def read(given: object) -> Wish | None:
    """As `fields` gives it; None: nothing, or nothing that can be read."""
    if not isinstance(given, Mapping):
        return None
    return typed({key: given.get(_NAMES.get(key, key)) for key in _FORMS})


def typed(given: Mapping[str, Any]) -> Wish | None:
    """By the names of the fields of Wish; None: one is missing, or has not its form."""
    found = {key: given[key] for key in _FORMS if given.get(key) is not None}
    if not {"spec", "generation"} <= found.keys():
        return None
    if not all(_FORMS[key](value) for key, value in found.items()):
        return None
    return Wish(**found)


def _digest(spec: Mapping[str, Any]) -> str:
    counted = {key: value for key, value in spec.items() if key not in _NO_REASON_TO_TRY_AGAIN}
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()[:16]


_FORMS: Final[Mapping[str, Callable[[object], bool]]] = {
    "spec": is_text,
    "generation": is_number,
    "last": is_number,
    "rollback": is_revision,
    "request": is_text,
}

_NAMES: Final = {"spec": "specDigest", "last": "lastGeneration", "rollback": "rollbackTo"}
"""What a field is called in `status.rollout`, where that is another name."""
