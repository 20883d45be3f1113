"""What became of a revision, and what it has passed: the memory of one.

Only what cannot be seen otherwise is in it. Where it is kept says `rollout.memory`. It is read
field by field, as it may come from anybody's hand: a record with a field of the wrong form is
forgotten, which costs one more try, and never breaks a look.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, get_args

from bastaix.api import reasons, sizes
from bastaix.api.conditions import parse_time, timestamp
from bastaix.api.reasons import Finding
from bastaix.rollout import evaluate

Outcome = Literal["Promoted", "Failed", "RolledBack"]

LARGEST_CHECK: Final = 4096
LONGEST_MESSAGE: Final = 2000
LONGEST_TEXT: Final = 128
_LARGEST_NUMBER: Final = 10**15


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
    """When it was decided last that the stable Service is turned to it."""
    recreate: bool = False
    """There was no room for it beside the active revision."""
    check: Mapping[str, Any] | None = None
    """The check that it answered last, in the form of the spec."""
    evaluation: Mapping[str, Any] | None = None
    """What came of the last one, in the form of the status."""
    evaluated: str | None = None
    """The first digits of the key of the last evaluation that it passed."""
    evaluated_sha256: str | None = None
    """The whole key; None: it was passed with an earlier version."""
    attempts: int = 0
    """Evaluations of this trial that ended in an error."""
    job: str | None = None
    """Uid of the Job that the operator made last to evaluate it; no other one is believed."""
    job_sha256: str | None = None
    """By which key it was made; None: an earlier version made it."""
    passed: str | None = None
    """Uid of its RayService when it passed the gate and had to wait for a word."""
    sha256: str | None = None
    """Of its identity, of which its name has but the first digits."""

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
            message=bounded(finding.message, LONGEST_MESSAGE),
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
            evaluated_sha256=self.evaluated_sha256,
            job=self.job,
            job_sha256=self.job_sha256,
            # for a trial that is looked at once more, should the Service not be turned after all
            passed=self.passed,
            sha256=self.sha256,
        )


def promoted(
    records: Mapping[str, Record], without: str | None = None
) -> Iterator[tuple[str, str]]:
    """When each revision was turned to that has not failed since."""
    for hash, each in records.items():
        if each.promoted is not None and not each.failed and hash != without:
            yield each.promoted, hash


def bounded(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def fields(record: Record) -> dict[str, Any]:
    """As it is written down; what says nothing is left out."""
    default = asdict(Record())
    given = {key: value for key, value in asdict(record).items() if value != default[key]}
    if record.check is not None:
        given["check"] = _written_check(record.check)
    return {_NAMES.get(key, key): value for key, value in given.items()}


def read(given: object) -> Record | None:
    """A record as `fields` gives it; None: it is none, and to be forgotten."""
    if not isinstance(given, Mapping):
        return None
    return typed({key: given.get(_NAMES.get(key, key)) for key in _FORMS})


def typed(given: Mapping[str, Any]) -> Record | None:
    """By the names of the fields of Record; None: one of them has not its form."""
    found = {key: given[key] for key in _FORMS if given.get(key) is not None}
    if not all(_FORMS[key](value) for key, value in found.items()):
        return None
    if "message" in found:
        found["message"] = bounded(found["message"], LONGEST_MESSAGE)
    if found.get("reason") not in reasons.BY_NAME:
        found.pop("reason", None)
    if "check" in found:
        found["check"] = _read_check(found["check"])
    if "evaluation" in found:
        found["evaluation"] = evaluate.recalled(found["evaluation"])
    return Record(**found)


def is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and value.isprintable()


def is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_NUMBER


def is_time(value: object) -> bool:
    """In the one form that is written: Python reads forms that the API server does not take."""
    time = parse_time(value)
    return time is not None and timestamp(time) == value


def is_revision(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{8}", value) is not None


def is_sha256(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _written_check(check: Mapping[str, Any]) -> dict[str, Any]:
    """Its body as JSON text, whose length the CRD can bound."""
    given = {key: value for key, value in check.items() if value is not None}
    if "body" in given:
        given["body"] = json.dumps(given["body"], sort_keys=True, separators=(",", ":"))
    expect = {key: value for key, value in (check.get("expect") or {}).items() if value is not None}
    return {**given, "expect": expect}


def _read_check(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """None: its body is no JSON, or too deep. Whether it may be sent is not asked here."""
    if len(json.dumps(given)) > 3 * LARGEST_CHECK:
        return None
    body = given.get("body")
    if not isinstance(body, str):
        return dict(given)
    if sizes.is_deeper(body.encode(errors="surrogatepass"), sizes.DEEPEST):
        return None
    try:
        return {**given, "body": json.loads(body)}
    except (ValueError, RecursionError):
        return None


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping)


_FORMS: Final[Mapping[str, Callable[[object], bool]]] = {
    "outcome": lambda value: value in get_args(Outcome),
    "reason": is_text,
    "message": lambda value: isinstance(value, str),
    "at": is_time,
    "generation": is_number,
    "request": is_text,
    "least": is_number,
    "failures": is_number,
    "left": is_time,
    "promoted": is_time,
    "recreate": lambda value: isinstance(value, bool),
    "check": _is_map,
    "evaluation": _is_map,
    "evaluated": is_text,
    "evaluated_sha256": is_sha256,
    "attempts": is_number,
    "job": is_text,
    "job_sha256": is_sha256,
    "passed": is_text,
    "sha256": is_sha256,
}

_NAMES: Final = {
    "least": "minReplicas",
    "left": "supersededAt",
    "promoted": "promotedAt",
    "recreate": "needsRecreate",
    "evaluated": "evaluationKey",
    "evaluated_sha256": "evaluationSha256",
    "attempts": "evaluationErrors",
    "job": "evaluationJob",
    "job_sha256": "evaluationJobSha256",
    "passed": "passedTrial",
}
"""What a field is called in `status.rollout`, where that is another name."""
