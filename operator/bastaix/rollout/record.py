"""What became of a revision: kept as an annotation on its ControllerRevision.

It is the one memory of a rollout besides the stable Service's selector, so that an operator
that is killed at any moment goes on where it was. Only what cannot be seen otherwise is in it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, Literal, get_args

from bastaix.api import names
from bastaix.api.conditions import timestamp
from bastaix.api.reasons import Finding

Outcome = Literal["Promoted", "Failed", "RolledBack"]

LARGEST_CHECK: Final = 8192


@dataclass(frozen=True, kw_only=True)
class Record:
    outcome: Outcome | None = None
    reason: str | None = None
    message: str | None = None
    at: str | None = None
    """When the outcome was known; RFC 3339."""
    generation: int | None = None
    """Of the ModelDeployment when it failed: another spec is another try."""
    request: str | None = None
    """What was asked for when it failed: another request is another try."""
    failures: int = 0
    """In a row."""
    promoted: str | None = None
    """When the stable Service was turned to it last."""
    recreate: bool = False
    """There was no room for it beside the active revision."""
    check: Mapping[str, Any] | None = None
    """The check that it answered last, in the form of the spec."""
    evaluation: Mapping[str, Any] | None = None
    evaluated: str | None = None
    """Key of what was evaluated, and how."""
    attempts: int = 0
    """Evaluations that ended in an error, in a row."""

    @property
    def failed(self) -> bool:
        return self.outcome in ("Failed", "RolledBack")

    def failing(
        self,
        outcome: Outcome,
        finding: Finding,
        *,
        generation: int,
        request: str | None,
        now: datetime,
    ) -> "Record":
        again = self.failed and self.generation == generation and self.request == request
        return replace(
            self,
            outcome=outcome,
            reason=finding.reason.name,
            message=finding.message,
            at=timestamp(now),
            generation=generation,
            request=request,
            failures=self.failures + 1 if again else 1,
            attempts=0,
        )

    def turned_to(self, since: str) -> "Record":
        """Promoted: what was wrong before counts no more."""
        kept = {"check": self.check, "evaluation": self.evaluation, "evaluated": self.evaluated}
        return Record(outcome="Promoted", at=since, promoted=since, **kept)  # type: ignore[arg-type]


def read(controller_revision: Mapping[str, Any]) -> Record:
    """What cannot be read is forgotten: it costs one more try."""
    annotations = controller_revision["metadata"].get("annotations") or {}
    try:
        found = json.loads(annotations.get(names.RECORD_ANNOTATION, "{}"))
        known = {each.name for each in fields(Record)}
        record = Record(**{key: value for key, value in found.items() if key in known})
        for moment in (record.at, record.promoted):
            if moment is not None:
                datetime.fromisoformat(moment)
    except (ValueError, TypeError, AttributeError):
        return Record()
    return record if record.outcome in (None, *get_args(Outcome)) else Record()


def written(controller_revision: Mapping[str, Any], record: Record) -> dict[str, Any]:
    """What is to be applied, to this very object and no other of its name."""
    metadata = controller_revision["metadata"]
    default = asdict(Record())
    given = {key: value for key, value in asdict(record).items() if value != default[key]}
    text = json.dumps(given, sort_keys=True, separators=(",", ":"))
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "annotations": {names.RECORD_ANNOTATION: text},
        },
        # a field that must be there; it is the same as it was
        "revision": controller_revision["revision"],
    }
