"""Pods of Ray that have ended, and what it means that more than one has. Pure.

KubeRay replaces a Pod as soon as it has ended, so each tells of one end and is gone a moment later.
Remembering them is the reconciler's.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bastaix.api import names, reasons
from bastaix.api.reasons import Finding
from bastaix.observe import pods
from bastaix.observe.observed import End, Object, creation, moment, revision_of
from bastaix.observe.ownership import controller_ref
from bastaix.observe.text import shortened

SOON: Final = timedelta(minutes=10)
"""What ended longer ago says nothing of the Pod that is there now."""
LOOP: Final = 3
"""Fewer ends are no loop: anything may fail twice."""


def end(pod: Object, at: datetime) -> End | None:
    """How a Pod of Ray has ended, seen `at`; None: it has not, or it was told to."""
    role = (pod["metadata"].get("labels") or {}).get(names.RAY_NODE_TYPE_LABEL)
    revision = revision_of(pod)
    finding = pods.end(pod)
    if role is None or revision is None or finding is None or _was_told_to(pod):
        return None
    return End(
        uid=pod["metadata"]["uid"],
        revision=revision,
        role=role,
        born=moment(creation(pod)) or at,
        at=min(pods.broken(pod), default=at),
        finding=finding,
        cluster=str(controller_ref(pod).get("uid", "")),
    )


def last(
    ends: Sequence[End], revision: str, role: str, at: datetime | None, since: datetime | None
) -> Finding | None:
    """By what the last Pod in this role ended, and that it was not the only one.

    `since` is when this start began: an earlier one may have had the same revision.
    """
    found = sorted(
        (each for each in ends if each.revision == revision and each.role == role),
        key=lambda each: each.at,
    )
    recent = [each for each in found if at is None or at - each.at < SOON]
    recent = [each for each in recent if since is None or each.born >= since]
    if not recent:
        return None
    finding, times = recent[-1].finding, _one_after_another(recent)
    if finding.reason != reasons.POD_FAILED or times < LOOP:
        return finding
    said = f"{times} {role} Pods have ended one after another"
    message = shortened(f"{said}, the last: {finding.message}")
    return Finding(reasons.CRASH_LOOPING, message, finding.object)


def _one_after_another(ends: Sequence[End]) -> int:
    """Of those that end together, as workers without their head do, none replaced another."""
    count, before = 0, None
    for each in ends:
        if before is None or each.born >= before:
            count, before = count + 1, each.at
    return count


def _was_told_to(pod: Object) -> bool:
    """Somebody deleted it before anything in it broke."""
    metadata = pod["metadata"]
    if "deletionTimestamp" not in metadata:
        return False
    due = moment(metadata["deletionTimestamp"])
    if due is None:
        return True
    told = due - timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
    return not any(broken <= told for broken in pods.broken(pod))
