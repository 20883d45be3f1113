"""What became of each revision: kept on the stable Service, beside its selector.

The two are all the memory of a rollout, and one write changes both, so an operator that is
killed at any moment goes on where it was. Only what cannot be seen otherwise is in it.

The ControllerRevision of a revision would be the place that suggests itself. But the API server
compares its immutable data byte by byte, and refuses to annotate one whose JSON was not
written the way that Go writes it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, Literal, get_args

from bastaix.api import names, reasons
from bastaix.api.conditions import timestamp
from bastaix.api.reasons import Finding

Outcome = Literal["Promoted", "Failed", "RolledBack"]

LARGEST_CHECK: Final = 4096


@dataclass(frozen=True, kw_only=True)
class Record:
    outcome: Outcome | None = None
    reason: str | None = None
    message: str | None = None
    at: str | None = None
    """When the outcome was known; RFC 3339."""
    generation: int | None = None
    """Of the ModelDeployment when it failed (see `rollout.wish`)."""
    request: str | None = None
    """What was asked for when it failed: another request is another try."""
    least: int | None = None
    """minReplicas for which there was no room."""
    failures: int = 0
    """In a row."""
    left: str | None = None
    """When another one got the traffic because somebody asked for that."""
    promoted: str | None = None
    """When the stable Service was turned to it last."""
    recreate: bool = False
    """There was no room for it beside the active revision."""
    check: Mapping[str, Any] | None = None
    """The check that it answered last, in the form of the spec."""
    evaluation: Mapping[str, Any] | None = None
    """What came of the last one, in the form of the status."""
    evaluated: str | None = None
    """Key of the last evaluation that it passed."""
    attempts: int = 0
    """Evaluations of this trial that ended in an error."""
    passed: str | None = None
    """Uid of its RayService when it passed the gate and had to wait for a word."""

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
        least: int,
        is_again: bool,
        now: datetime,
    ) -> "Record":
        """`is_again`: the failure that is remembered counts, and nobody has asked since."""
        return replace(
            self,
            outcome=outcome,
            reason=finding.reason.name,
            message=finding.message,
            at=timestamp(now),
            generation=generation,
            request=request,
            least=least if finding.reason == reasons.INSUFFICIENT_CAPACITY else None,
            failures=self.failures + 1 if is_again else 1,
            attempts=0,
        )

    def tried_again(self) -> "Record":
        """Wish for anew: what was wrong before counts no more, whatever is asked for next."""
        return replace(
            self,
            outcome=None,
            reason=None,
            message=None,
            at=None,
            generation=None,
            request=None,
            least=None,
            attempts=0,
            recreate=False,
        )

    def turned_to(self, since: str) -> "Record":
        """Promoted: what was wrong before counts no more."""
        return Record(
            outcome="Promoted",
            at=since,
            promoted=since,
            check=self.check,
            evaluation=self.evaluation,
            evaluated=self.evaluated,
        )


def read(service: Mapping[str, Any] | None) -> dict[str, Record]:
    """The record of each revision; what cannot be read is forgotten, which costs one more try."""
    annotations = ((service or {}).get("metadata") or {}).get("annotations") or {}
    try:
        found = json.loads(annotations.get(names.RECORDS_ANNOTATION, "{}"))
        records = {str(hash): _read(given) for hash, given in found.items()}
    except (ValueError, AttributeError):
        return {}
    return {hash: each for hash, each in records.items() if each is not None}


def written(records: Mapping[str, Record]) -> str | None:
    """The annotation; None: there is nothing to remember."""
    default = asdict(Record())
    given = {
        hash: {key: value for key, value in asdict(each).items() if value != default[key]}
        for hash, each in records.items()
    }
    kept = {hash: each for hash, each in given.items() if each}
    return json.dumps(kept, sort_keys=True, separators=(",", ":")) if kept else None


def promoted(
    records: Mapping[str, Record], without: str | None = None
) -> Iterator[tuple[str, str]]:
    """When each revision was turned to that has not failed since."""
    for hash, each in records.items():
        if each.promoted is not None and not each.failed and hash != without:
            yield each.promoted, hash


def _read(given: Mapping[str, Any]) -> Record | None:
    known = {each.name for each in fields(Record)}
    try:
        record = Record(**{key: value for key, value in given.items() if key in known})
        for moment in (record.at, record.promoted, record.left):
            if moment is not None:
                datetime.fromisoformat(moment)
    except (ValueError, TypeError, AttributeError):
        return None
    return record if record.outcome in (None, *get_args(Outcome)) else None
