"""ModelDeployments in the middle of a rollout, as the API server would give them."""

import json
from datetime import UTC, datetime
from typing import Any

from bastaix.plugin.seen import Seen, gathered

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
UID = "uid-1"
GOOD, BAD, OLD = "9f0c2d1a", "77aa01bc", "9f1e0000"
GOOD_COMMIT, BAD_COMMIT, OLD_COMMIT = "3f9c2a7d51c4" * 3, "0b1c2d3e4f50" * 3, "aa00bb11cc22" * 3

PROMOTED = {
    "outcome": "Promoted",
    "at": "2026-01-01T12:00:00Z",
    "promoted": "2026-01-01T12:00:00Z",
    "evaluation": {"outcome": "Passed", "passRate": 0.98},
}
PROMOTED_BEFORE = {
    "outcome": "Promoted",
    "at": "2025-12-30T12:00:00Z",
    "promoted": "2025-12-30T12:00:00Z",
}
FAILED = {
    "outcome": "Failed",
    "reason": "EvaluationFailed",
    "message": "pass rate 0.71 is below 0.95",
    "at": "2026-01-02T11:48:00Z",
    "generation": 7,
    "failures": 1,
    "evaluation": {"outcome": "Failed", "passRate": 0.71},
}


def condition(type: str, status: str, reason: str, message: str, since: str) -> dict[str, Any]:
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 7,
        "lastTransitionTime": since,
    }


def revision(hash: str, number: int, commit: str, image: str = "ray:1") -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"smollm2-{hash}",
            "labels": {
                "serving.bastaix.dev/name": "smollm2",
                "serving.bastaix.dev/revision": hash,
            },
            "ownerReferences": [{"uid": UID, "controller": True}],
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "revision": number,
        "data": {"commit": commit, "template": {"image": image, "serveConfig": {"hash": hash}}},
    }


def service(records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "smollm2",
            "annotations": {"serving.bastaix.dev/records": json.dumps(records)},
            "ownerReferences": [{"uid": UID, "controller": True}],
        }
    }


REVISIONS = [
    revision(OLD, 2, OLD_COMMIT),
    revision(BAD, 7, BAD_COMMIT, image="ray:2"),
    revision(GOOD, 3, GOOD_COMMIT),
]


def event(name: str, at: str, reason: str, message: str, type: str = "Normal") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": at},
        "eventTime": at,
        "type": type,
        "reason": reason,
        "message": message,
    }


ACTIVE = {"revision": GOOD, "commit": GOOD_COMMIT, "since": "2026-01-01T12:00:00Z"}
CANDIDATE = {"revision": BAD, "commit": BAD_COMMIT, "since": "2026-01-02T11:57:00Z"}


def body(
    *,
    conditions: list[dict[str, Any]],
    request: str | None = None,
    spec: dict[str, Any] | None = None,
    observed: int = 7,
    **status: Any,
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "smollm2",
            "namespace": "demo",
            "uid": UID,
            "generation": 7,
            "annotations": {"serving.bastaix.dev/request": request} if request else {},
        },
        "spec": spec or {},
        "status": {
            "observedGeneration": observed,
            "url": "http://smollm2.demo.svc/v1",
            "conditions": conditions,
            "replicas": {"desired": 2, "ready": 2},
            **status,
        },
    }


SERVING = condition("Serving", "True", "Answering", "It answers.", "2026-01-01T12:00:00Z")
VERIFIED = condition("SourceVerified", "True", "Verified", "3 files", "2026-01-02T11:56:00Z")


def going(reason: str, message: str, type: str = "Reconciling") -> list[dict[str, Any]]:
    """Ready is False, and why."""
    since = "2026-01-02T11:55:00Z"
    return [
        condition("Ready", "False", reason, message, since),
        SERVING,
        condition(type, "True", reason, message, since),
        VERIFIED,
    ]


READY = [
    condition("Ready", "True", "Ready", "the app answered", "2026-01-01T12:00:00Z"),
    SERVING,
    VERIFIED,
]


def seen(
    body: dict[str, Any], bad: dict[str, Any] | None = None, old: dict[str, Any] | None = None
) -> Seen:
    """With the three revisions; `bad` and `old` are the records of the newest and the oldest."""
    records = {OLD: PROMOTED_BEFORE if old is None else old, BAD: bad or {}, GOOD: PROMOTED}
    return gathered(body, REVISIONS, service(records))


READY_SEEN = seen(body(conditions=READY, active=ACTIVE))


def trial(phase: str, *, stalled: bool = False, **options: Any) -> Seen:
    """A candidate on its way."""
    conditions = going(phase, f"it is at {phase}", "Stalled" if stalled else "Reconciling")
    given = body(
        conditions=conditions, active=ACTIVE, candidate={**CANDIDATE, "phase": phase}, **options
    )
    return seen(given)


def failed(request: str | None = None, record: dict[str, Any] | None = None) -> Seen:
    """The candidate was withdrawn, and the active revision serves."""
    conditions = going("EvaluationFailed", "pass rate 0.71 is below 0.95", "Stalled")
    given = body(conditions=conditions, active=ACTIVE, request=request)
    return seen(given, bad=record or FAILED)
