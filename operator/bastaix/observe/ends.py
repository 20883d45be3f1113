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
from bastaix.observe.observed import End, Object, revision_of
from bastaix.observe.text import shortened

SOON: Final = timedelta(minutes=10)
"""What ended longer ago says nothing of the Pod that is there now."""
LOOP: Final = 3
"""Fewer ends are no loop: anything may fail twice."""


def end(pod: Object, at: datetime) -> End | None:
    """How a Pod of Ray has ended; None: it has not, or it was told to."""
    role = (pod["metadata"].get("labels") or {}).get(names.RAY_NODE_TYPE_LABEL)
    revision = revision_of(pod)
    finding = pods.end(pod)
    if role is None or revision is None or finding is None or _was_told_to(pod):
        return None
    return End(uid=pod["metadata"]["uid"], revision=revision, role=role, at=at, finding=finding)


def last(ends: Sequence[End], revision: str, role: str, at: datetime | None) -> Finding | None:
    """By what the last Pod in this role ended, and that it was not the only one."""
    found = [each for each in ends if each.revision == revision and each.role == role]
    recent = [each for each in found if at is None or at - each.at < SOON]
    if not recent:
        return None
    finding = recent[-1].finding
    if finding.reason != reasons.POD_FAILED or len(recent) < LOOP:
        return finding
    times = f"{len(recent)} {role} Pods have ended one after another"
    message = shortened(f"{times}, the last: {finding.message}")
    return Finding(reasons.CRASH_LOOPING, message, finding.object)


def _was_told_to(pod: Object) -> bool:
    """Somebody deleted it before anything in it ended."""
    metadata = pod["metadata"]
    if "deletionTimestamp" not in metadata:
        return False
    try:
        due = datetime.fromisoformat(metadata["deletionTimestamp"])
    except ValueError:
        return True
    told = due - timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
    return not any(finished <= told for finished in pods.finished(pod))
