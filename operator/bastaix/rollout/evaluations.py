"""What a candidate's evaluation lacks: to be started, to end, to be tried again. Pure.

An evaluation that was passed counts until the gate changes, or what it judges. One that ended in
an error is tried again, after ever longer waits, for as long as the trial has time. How a Job's
end is read stands in `evaluate`, what the Job is in `render.evaluation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.conditions import timestamp
from bastaix.api.evaluation import Outcome
from bastaix.api.reasons import Finding, Reason
from bastaix.api.sources import EARLIER_DIGITS
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Object, Observed
from bastaix.observe.pods import hindrance
from bastaix.render.evaluation import Baseline, evaluation_job, evaluation_key, revision_url
from bastaix.rollout import evaluate
from bastaix.rollout.evaluate import Evaluation
from bastaix.rollout.record import Record
from bastaix.rollout.roles import Roles, revision

FIRST_WAIT_SECONDS: Final = 10.0
LONGEST_WAIT_SECONDS: Final = 300.0
MOST_ATTEMPTS: Final = 8
_MOST_IDS: Final = 3

_LACKS: Final[Mapping[Outcome, Reason]] = {
    "Failed": reasons.EVALUATION_FAILED,
    "Inconclusive": reasons.EVALUATION_INCONCLUSIVE,
    "Error": reasons.EVALUATION_ERROR,
}


@dataclass(frozen=True, kw_only=True)
class Standing:
    record: Record
    """The candidate's, with what has come of its evaluation."""
    lacks: Finding | None = None
    """None: it is passed, or none is asked for."""
    starts: bool = False
    """A Job is to be made."""
    after: float | None = None
    """Seconds until a look is due that nothing else brings."""

    @property
    def is_given_up(self) -> bool:
        """It has ended in errors so often that another try would be no better."""
        is_error = self.lacks is not None and self.lacks.reason == reasons.EVALUATION_ERROR
        return is_error and self.record.attempts >= MOST_ATTEMPTS


def standing(
    md: ModelDeployment, observed: Observed, roles: Roles, record: Record, now: datetime
) -> Standing:
    """Of the candidate, whose record is given.

    A revision that had the traffic before returns without an evaluation.
    """
    if md.spec.rollout.gate is None or roles.returning:
        return Standing(record=record)
    judged = revision(observed, str(roles.candidate))
    if judged is None:
        lacks = Finding(reasons.EVALUATING, "how it was rendered is not known any more")
        return Standing(record=record, lacks=lacks)
    key = evaluation_key(md, judged)
    if _has_passed(record, key):
        return Standing(record=record)
    if md.spec.rollout.gate.path is not None and judged.digest is None:
        message = (
            "the data set is a file of the source, and the code of this revision is in the image"
        )
        return Standing(record=record, lacks=Finding(reasons.EVALUATION_INCONCLUSIVE, message))
    if md.spec.rollout.gate.evaluator is None and observed.image is None:
        message = "the operator does not know its own image: set BASTAIX_EVALUATION_IMAGE"
        return Standing(record=record, lacks=Finding(reasons.EVALUATION_ERROR, message))
    job = _job_of(md, observed, roles.candidate)
    if job is None and "Job" in observed.occupied:
        taken = observed.occupied["Job"]
        return Standing(record=record, lacks=taken.finding, after=taken.after)
    if job is None:
        lacks = Finding(reasons.EVALUATING, f"the evaluation of {roles.candidate} is being started")
        return Standing(record=record, lacks=lacks, starts=True)
    name = job["metadata"]["name"]
    if not _is_current(md, observed, roles, job):
        lacks = Finding(reasons.EVALUATING, f"Job {name} of before is being removed")
        return Standing(record=record, lacks=lacks)
    result = evaluate.read(job, observed.pods)
    if result is None:
        message = f"Job {name} {_does(job, observed)}"
        return Standing(record=record, lacks=Finding(reasons.EVALUATING, message))
    record = replace(record, evaluation=evaluate.reported(result))
    if result.outcome == "Passed":
        passed = replace(record, evaluated=key[:EARLIER_DIGITS], evaluated_sha256=key, attempts=0)
        return Standing(record=passed)
    if result.outcome == "Error":
        return _tried_again(replace(record, attempts=_attempt(job)), job, result, now)
    return Standing(record=record, lacks=Finding(_LACKS[result.outcome], _told(result)))


def job(md: ModelDeployment, observed: Observed, roles: Roles) -> dict[str, Any]:
    """The Job of the candidate's next evaluation."""
    candidate = str(roles.candidate)
    judged, live = revision(observed, candidate), observed.rayservice_of(candidate)
    assert judged is not None, "what runs is kept"
    assert live is not None, "only what runs is evaluated"
    return evaluation_job(
        md,
        judged,
        baseline=_baseline(md, observed, roles),
        image=observed.image,
        trial=live["metadata"]["uid"],
        attempt=roles.record(candidate).attempts + 1,
    )


def leaving(
    md: ModelDeployment, observed: Observed, roles: Roles, now: datetime
) -> tuple[Object, ...]:
    """Jobs of no use any more: the last of the active revision and of the one on trial stay."""
    used = {roles.active, roles.wanted, roles.subject}
    return tuple(
        each
        for each in observed.jobs
        if (of := _evaluated(each)) not in used
        or (of == roles.candidate and not _is_of_use(md, observed, roles, each, now))
    )


def _is_of_use(
    md: ModelDeployment, observed: Observed, roles: Roles, job: Object, now: datetime
) -> bool:
    """Not of a trial, a gate or an attempt before."""
    record = roles.record(roles.candidate)
    if job["metadata"]["name"] != names.evaluation_name(md.name, str(roles.candidate)):
        return False
    if md.spec.rollout.gate is None or _has_passed(record, _key(md, observed, roles)):
        return True
    if observed.rayservice_of(str(roles.candidate)) is None:
        return record.failed  # its log tells why
    if not _is_current(md, observed, roles, job):
        return False
    result = evaluate.read(job, observed.pods)
    # the attempt is counted before it is forgotten
    is_counted = record.attempts >= _attempt(job)
    is_error = result is not None and result.outcome == "Error"
    left = _waits(job, record.attempts, now)
    return not (is_error and is_counted and left is not None and left <= 0)


def _tried_again(record: Record, job: Object, result: Evaluation, now: datetime) -> Standing:
    left = _waits(job, record.attempts, now)
    if left is None:
        lacks = Finding(reasons.EVALUATION_ERROR, _told(result))
        return Standing(record=record, lacks=lacks, after=FIRST_WAIT_SECONDS)
    next_try = f"; next try at {timestamp(now + timedelta(seconds=left))}" if left > 0 else ""
    lacks = Finding(reasons.EVALUATION_ERROR, f"{_told(result)}{next_try}")
    return Standing(record=record, lacks=lacks, after=max(left, 0.0))


def _waits(job: Object, attempts: int, now: datetime) -> float | None:
    """Seconds until it is tried again; None while the Job itself is not over."""
    ended = evaluate.ended_at(job)
    if ended is None:
        return None
    wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempts - 1, 10))
    return wait - (now - ended).total_seconds()


def _does(job: Object, observed: Observed) -> str:
    """What it waits for, or that it is at work."""
    pods = evaluate.pods_of(job, observed.pods)
    found = next(filter(None, (hindrance(each) for each in pods)), None)
    return f"asks revision {_evaluated(job)}" if found is None else f"waits: {found.message}"


def _told(result: Evaluation) -> str:
    ids = ", ".join(result.failed[:_MOST_IDS])
    more = ", …" if len(result.failed) > _MOST_IDS else ""
    return f"{result.message} ({ids}{more})" if ids else result.message


def _key(md: ModelDeployment, observed: Observed, roles: Roles) -> str | None:
    judged = revision(observed, str(roles.candidate))
    return None if judged is None else evaluation_key(md, judged)


def _has_passed(record: Record, key: str | None) -> bool:
    return _is_key(key, record.evaluated_sha256, record.evaluated)


def _is_key(key: str | None, whole: object, digits: object) -> bool:
    """Whether it was written: of an earlier version the digits count, which are all that it wrote.

    Who writes the specs finds two gates of the same 16 digits.
    """
    if key is None:
        return False
    return whole == key if whole is not None else digits == key[:EARLIER_DIGITS]


def _is_current(md: ModelDeployment, observed: Observed, roles: Roles, job: Object) -> bool:
    """Made by the operator, of this gate and of this trial, and not on its way out.

    Who may create Jobs may make one beforehand that looks the same, but not with its uid; and who
    may change ours cannot change what is remembered of it.
    """
    metadata, record = job["metadata"], roles.record(roles.candidate)
    annotations = metadata.get("annotations") or {}
    live = observed.rayservice_of(str(roles.candidate)) or {"metadata": {}}
    return (
        "deletionTimestamp" not in metadata
        and metadata.get("uid") == record.job
        and _is_key(
            _key(md, observed, roles), record.job_sha256, annotations.get(names.KEY_ANNOTATION)
        )
        and annotations.get(names.TRIAL_ANNOTATION) == live["metadata"].get("uid")
    )


def _attempt(job: Object) -> int:
    text = (job["metadata"].get("annotations") or {}).get(names.ATTEMPT_ANNOTATION, "")
    return min(int(text), MOST_ATTEMPTS) if text.isdecimal() and len(text) < 4 else 1


def _job_of(md: ModelDeployment, observed: Observed, candidate: str | None) -> Object | None:
    """By its name, which only one can have; anybody may label another one."""
    name = names.evaluation_name(md.name, str(candidate))
    return next((each for each in observed.jobs if each["metadata"]["name"] == name), None)


def _evaluated(job: Object) -> str | None:
    label: str | None = (job["metadata"].get("labels") or {}).get(names.EVALUATION_LABEL)
    return label


def _baseline(md: ModelDeployment, observed: Observed, roles: Roles) -> Baseline | None:
    """The active revision; one without a ready Pod holds nobody up."""
    gate = md.spec.rollout.gate
    if roles.active is None or gate is None or gate.max_regression is None:
        return None
    record = roles.record(roles.active)
    measured = (record.evaluation or {}).get("outcome") in ("Passed", "Failed")
    known = (record.evaluation or {}) if measured else {}
    body = (record.check or {}).get("body")
    model = body.get("model") if isinstance(body, Mapping) else None
    return Baseline(
        url=revision_url(md, roles.active) if observed.has_replicas(roles.active) else None,
        model=model if isinstance(model, str) else None,
        digest=known.get("dataset"),
        pass_rate=known.get("passRate"),
    )
