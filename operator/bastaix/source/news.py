"""Which changes of a ModelDeployment are the source controller's business.

A rollout writes its status some dozens of times, and a look costs requests. What counts is the
spec, what the source controller itself says, and the reason that the operator has found: a Pod that
lacks its code is how a lost artifact shows first.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from bastaix.api.conditions import SOURCE_VERIFIED, find_condition
from bastaix.reconcile.index import Body, Name


class News:
    def __init__(self, body: Callable[[Name], Body | None]) -> None:
        """`body` gives a ModelDeployment as it is known; None: it is gone, or is to be read."""
        self._body = body
        self._marks: dict[Name, int] = {}

    def is_new(self, name: Name) -> bool:
        """Whether something that counts has changed since this was asked last."""
        body = self._body(name)
        if body is None:
            self._marks.pop(name, None)
            return True
        before, self._marks[name] = self._marks.get(name), _mark(body)
        return before != self._marks[name]


def _mark(body: Mapping[str, Any]) -> int:
    metadata, status = body["metadata"], body.get("status") or {}
    counted = [
        metadata["uid"],
        metadata.get("generation"),
        "deletionTimestamp" in metadata,
        status.get("source"),
        find_condition(status.get("conditions") or (), SOURCE_VERIFIED),
        (status.get("finding") or {}).get("reason"),
    ]
    return hash(json.dumps(counted, sort_keys=True))
