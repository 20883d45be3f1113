"""What is remembered, as operators before `status.rollout` have it on the stable Service. Pure.

Tenants may write it, so it is read only where there is nothing else, and of that only what makes
the operator more careful: failures, and what was asked for. Never a passed gate, an evaluation, a
check or a promotion. It is still written, small, until 0.3: after a `helm rollback` an operator
that knows nothing of `status.rollout` starts no failed revision again, and asks what serves the
check that it answered, not that of another one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from bastaix.api import names
from bastaix.rollout import record, wish
from bastaix.rollout.record import Record, bounded, is_revision
from bastaix.rollout.wish import Wish

LARGEST: Final = 256 * 1024
"""Characters of an annotation that are read: Kubernetes takes no more bytes of all together."""
MOST_RECORDS: Final = 32
LONGEST_MESSAGE: Final = 300
LARGEST_CHECK: Final = 2048
"""Characters of one that is written."""

_OF_FAILURES: Final = (
    "outcome", "reason", "message", "at", "generation", "request", "least", "failures", "recreate"
)  # fmt: skip


def read(service: Mapping[str, Any] | None) -> tuple[dict[str, Record], Wish | None]:
    """All that stands there, typed: to be shown, and not to be believed."""
    given = _json(service, names.RECORDS_ANNOTATION)
    found = {
        hash: record.typed(each)
        for hash, each in list(given.items())[:MOST_RECORDS]
        if is_revision(hash) and isinstance(each, Mapping)
    }
    records = {hash: each for hash, each in found.items() if each is not None}
    return records, wish.typed(_json(service, names.WISH_ANNOTATION))


def cautious(service: Mapping[str, Any] | None) -> tuple[dict[str, Record], Wish | None]:
    """What of it makes more careful."""
    records, kept = read(service)
    since = _annotations(service).get(names.SINCE_ANNOTATION)
    careful = {hash: _careful(each, since) for hash, each in records.items()}
    return {hash: each for hash, each in careful.items() if each != Record()}, kept


def annotations(records: Mapping[str, Record], kept: Wish | None) -> dict[str, str]:
    """Written, and no more read by whoever writes it; what says nothing is left out."""
    outlined = {hash: _outline(each) for hash, each in records.items()}
    given = {hash: each for hash, each in outlined.items() if each}
    texts = {names.RECORDS_ANNOTATION: _text(given) if given else None}
    is_asked = kept is not None and kept.request is not None
    if kept is not None and (is_asked or any(each.failed for each in records.values())):
        intent = {key: value for key, value in asdict(kept).items() if value is not None}
        texts[names.WISH_ANNOTATION] = _text(intent)
    return {key: text for key, text in texts.items() if text is not None}


def _careful(found: Record, since: object) -> Record:
    if not found.failed:
        return Record(attempts=found.attempts)
    given = {key: getattr(found, key) for key in _OF_FAILURES}
    # one that was to be turned away from when the operator was replaced, is still to be
    is_spoilt = found.outcome == "RolledBack" and found.promoted == since
    return Record(**given, promoted=found.promoted if is_spoilt else None)


def _outline(found: Record) -> dict[str, Any]:
    keys = (*_OF_FAILURES, "left", "promoted", "attempts")
    default = Record()
    short = replace(
        found, message=None if found.message is None else bounded(found.message, LONGEST_MESSAGE)
    )
    given = {
        key: getattr(short, key) for key in keys if getattr(short, key) != getattr(default, key)
    }
    check = None if found.promoted is None else _set(found.check or {})
    if check and len(_text(check)) <= LARGEST_CHECK:
        given["check"] = check
    return given


def _set(check: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not set, so that it is the same before and after it was remembered."""
    expect = {key: value for key, value in (check.get("expect") or {}).items() if value is not None}
    given = {key: value for key, value in check.items() if value is not None}
    return {**given, "expect": expect} if given else {}


def _annotations(service: Mapping[str, Any] | None) -> Mapping[str, Any]:
    found: Mapping[str, Any] = ((service or {}).get("metadata") or {}).get("annotations") or {}
    return found


def _json(service: Mapping[str, Any] | None, annotation: str) -> dict[str, Any]:
    text = _annotations(service).get(annotation, "")
    try:
        given = json.loads(text) if len(text) <= LARGEST else {}
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


def _text(given: Mapping[str, Any]) -> str:
    return json.dumps(given, sort_keys=True, separators=(",", ":"))
