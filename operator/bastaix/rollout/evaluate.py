"""How an evaluation ended, read from its Job and from what its container left behind; pure.

What a container leaves is text of whoever made its image. It counts as a result where it is the
small JSON that was agreed on and says the same as the exit code; anything else is an Error,
which promotes nobody and is tried again. A Pod that waits, for its image or for a node, is no
end: the Job's deadline is.

Who may create Pods can let one name the Job as its owner. So no Pod is believed alone: the Job's
status, which `edit` cannot write, must say the same, and there must be no second Pod.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bastaix.api import reasons
from bastaix.api.evaluation import EXIT_CODES, MAX_FAILED, MAX_ID, MAX_MESSAGE, Outcome
from bastaix.api.names import JOB_UID_LABEL
from bastaix.observe import pods
from bastaix.observe.observed import moment
from bastaix.observe.ownership import is_controlled_by
from bastaix.render.evaluation import OURS, THEIRS

MAX_IDS_BYTES: Final = 1024
"""Of the ids in one record: a status has many."""
_MOST_CASES: Final = 1_000_000_000
_LONGEST_SECONDS: Final = 1e9
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    outcome: Outcome
    message: str
    pass_rate: float | None = None
    cases: int | None = None
    error_rate: float | None = None
    ttft_p95_seconds: float | None = None
    dataset: str | None = None
    """Digest of the cases that were used; a pass rate is comparable on the same alone."""
    failed: tuple[str, ...] = ()


class _Garbage(Exception):
    """Not what was agreed on; the message says what is wrong, and nothing of what stands there."""


def ended_at(job: Mapping[str, Any]) -> datetime | None:
    """When the Job was over; None: it is not, or nobody has said when."""
    over = _over(job)
    return None if over is None else moment(over.get("lastTransitionTime"))


def read(job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> Evaluation | None:
    """None while it runs. `pods` may hold those of other Jobs; an earlier attempt's count not."""
    own = pods_of(job, pods)
    finished = _finished(job)
    if finished == "DeadlineExceeded":
        seconds = (job.get("spec") or {}).get("activeDeadlineSeconds")
        return _error(
            f"the evaluation had not ended after {seconds} s: see that its image can be pulled and"
            " its ConfigMap is there, or raise gate.timeoutSeconds"
        )
    if len(own) > 1:
        return _error(f"{len(own)} Pods name the Job as their owner, and it makes but one")
    ended = next((end for pod in own if (end := _ended(pod)) is not None), None)
    if ended is not None:
        return ended if ended.outcome == "Error" else _confirmed(job, ended)
    if own or finished is None:
        return None  # what is seen of it lags behind the Job
    return _error("the Pod of the evaluation is gone, and its result with it")


def _confirmed(job: Mapping[str, Any], ended: Evaluation) -> Evaluation | None:
    """What its Pod says, if the Job says the same; None: it is not over yet."""
    over, succeeded = _over(job), (job.get("status") or {}).get("succeeded")
    if over is None:
        return None
    is_complete = over["type"] == "Complete" and succeeded == 1
    if is_complete == (ended.outcome == "Passed"):
        return ended
    return _error(f"the evaluation says {ended.outcome}, and its Job is {over['type']}")


def reported(evaluation: Evaluation) -> dict[str, Any]:
    """In the form of the status; what there is no figure of is left out."""
    fields = {
        "outcome": evaluation.outcome,
        "passRate": evaluation.pass_rate,
        "cases": evaluation.cases,
        "errorRate": evaluation.error_rate,
        "ttftP95Seconds": evaluation.ttft_p95_seconds,
        "dataset": evaluation.dataset,
        "failed": _bounded(evaluation.failed),
    }
    return {key: value for key, value in fields.items() if value not in (None, [])}


def recalled(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was reported of one, as it stands in a status; None: it is not of that form."""
    try:
        outcome = _outcome(fields)
        return None if outcome is None else reported(_evaluation(fields, outcome, ""))
    except _Garbage:
        return None


def _bounded(ids: tuple[str, ...]) -> list[str]:
    """As many as there is room for, as they are written."""
    kept = list(ids)
    while kept and len(json.dumps(kept)) > MAX_IDS_BYTES:
        kept.pop()
    return kept


def _ended(pod: Mapping[str, Any]) -> Evaluation | None:
    status = pod.get("status") or {}
    if status.get("phase") == "Failed" and status.get("reason"):  # Evicted, and the like
        return _error(f"the Pod of the evaluation was ended: {_word(status['reason'])}")
    for container in status.get("containerStatuses") or ():
        terminated = (container.get("state") or {}).get("terminated")
        # others may have been put beside it
        if terminated and container.get("name") in (OURS, THEIRS):
            return _terminated(terminated, ours=container["name"] == OURS)
    end = pods.end(pod)
    if end is not None and end.reason == reasons.ARTIFACT_MISMATCH:
        return _error(f"{end.reason}: {end.message}")
    if status.get("phase") in ("Succeeded", "Failed"):
        return _error("the Pod of the evaluation is over, and its result is not there")
    return None


def _terminated(terminated: Mapping[str, Any], *, ours: bool) -> Evaluation:
    reason, code = terminated.get("reason"), terminated.get("exitCode")
    if reason == "OOMKilled":
        return _error("the evaluation ran out of memory")
    if reason not in ("Completed", "Error", None) or not isinstance(code, int):
        return _error(f"the evaluation could not run: {_word(reason)}")
    said = str(terminated.get("message") or "").strip()
    by_code = _by_code(code)
    if not said:
        # a crash of ours may end with any code; an image of a user's need not say more
        if ours:
            return _error(f"the evaluation ended with exit code {code} and without a result")
        return Evaluation(outcome=by_code, message=f"the evaluator ended with exit code {code}")
    try:
        fields = _object(said)
        outcome = _outcome(fields) or by_code
        if outcome != by_code:
            return _error(f"the evaluation says {outcome}, and its exit code {code} says {by_code}")
        return _evaluation(fields, outcome, f"the evaluator ended with exit code {code}")
    except _Garbage as error:
        if by_code == "Error":
            return _error(f"the evaluation ended with exit code {code}")
        return _error(f"the evaluation's result cannot be used: {error}")


def _by_code(code: int) -> Outcome:
    return next((outcome for outcome, known in EXIT_CODES.items() if known == code), "Error")


def _evaluation(fields: Mapping[str, Any], outcome: Outcome, default: str) -> Evaluation:
    cases = _number(fields, "cases", _MOST_CASES)
    return Evaluation(
        outcome=outcome,
        message=_message(fields, default),
        pass_rate=_number(fields, "passRate", 1),
        cases=None if cases is None else int(cases),
        error_rate=_number(fields, "errorRate", 1),
        ttft_p95_seconds=_number(fields, "ttftP95Seconds", _LONGEST_SECONDS),
        dataset=_dataset(fields),
        failed=_failed(fields),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise _Garbage("it is not JSON") from None
    if not isinstance(fields, dict):
        raise _Garbage("it is no JSON object")
    return fields


def _outcome(fields: Mapping[str, Any]) -> Outcome | None:
    given = fields.get("outcome")
    known = next((outcome for outcome in EXIT_CODES if outcome == given), None)
    if known is None and given is not None:
        raise _Garbage(f"outcome must be one of {', '.join(EXIT_CODES)}")
    return known


def _message(fields: Mapping[str, Any], default: str) -> str:
    given = fields.get("message")
    if given is None:
        return default
    if not isinstance(given, str):
        raise _Garbage("message must be a text")
    line = " ".join("".join(char if char.isprintable() else " " for char in given).split())
    return line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE - 1]}…"


def _number(fields: Mapping[str, Any], key: str, most: float) -> float | None:
    given = fields.get(key)
    if given is None:
        return None
    # by comparison: neither NaN nor infinity nor a number of a thousand digits passes
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= most:
        raise _Garbage(f"{key} must be a number from 0 to {most:g}")
    return float(given)


def _dataset(fields: Mapping[str, Any]) -> str | None:
    given = fields.get("dataset")
    if given is None:
        return None
    if not isinstance(given, str) or _DIGEST.fullmatch(given) is None:
        raise _Garbage("dataset must be sha256: and 64 hex digits")
    return given


def _failed(fields: Mapping[str, Any]) -> tuple[str, ...]:
    given = fields.get("failed")
    if given is None:
        return ()
    good = isinstance(given, list) and all(
        isinstance(id, str) and 0 < len(id) <= MAX_ID and id.isprintable() for id in given
    )
    if not good:
        raise _Garbage(f"failed must be a list of ids of 1 to {MAX_ID} printable characters")
    return tuple(given[:MAX_FAILED])


def pods_of(job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """By their owner, and by the label that the Job controller knows them by.

    Jobs of one name follow each other, and so do the other labels of their Pods.
    """
    uid = job["metadata"]["uid"]
    labels = ((pod["metadata"].get("labels") or {}, pod) for pod in pods)
    labelled = (pod for given, pod in labels if given.get(JOB_UID_LABEL) == uid)
    return [pod for pod in labelled if is_controlled_by(pod, uid)]


def _finished(job: Mapping[str, Any]) -> str | None:
    """The reason why the Job is over; None: it is not."""
    found = _over(job)
    return None if found is None else str(found.get("reason") or found["type"])


def _over(job: Mapping[str, Any]) -> Mapping[str, Any] | None:
    conditions = (job.get("status") or {}).get("conditions") or ()
    over = (
        each
        for each in conditions
        if each.get("type") in ("Complete", "Failed") and each.get("status") == "True"
    )
    return next(over, None)


def _word(reason: Any) -> str:
    return reason if isinstance(reason, str) and re.fullmatch(r"\w{1,64}", reason) else "unknown"


def _error(message: str) -> Evaluation:
    return Evaluation(outcome="Error", message=message)
