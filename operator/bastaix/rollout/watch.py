"""How long a promotion is watched, and the revision before kept beside the active one. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed, Via, creation, moment
from bastaix.render.service import Turn
from bastaix.rollout.record import Record

SETTLE_SECONDS: Final = 5.0
"""For so long after a turn the nodes may still send a request to where the Service led before."""


def before(
    md: ModelDeployment,
    observed: Observed,
    turn: Turn,
    records: Mapping[str, Record],
    now: datetime,
    *,
    is_last: bool,
) -> str | None:
    """The revision before, for as long as it is drained or may come back.

    It never goes before the active one is known to answer, or has had its time to. `is_last`: no
    other revision is to come after the two.
    """
    since = moment(turn.since)
    previous = turn.previous
    if previous is None or since is None or previous == turn.revision:
        return None
    made = made_at(observed, previous)
    if made is None or made > since:
        return None  # it was started anew, and has to answer like any other
    if now < since + kept_for(md):
        return previous
    if observed.answered(str(turn.revision)):
        return None
    if _is_of_no_help(observed, turn, records) and not is_last:
        return None  # to wait for either would be to wait for ever
    return None if _is_overdue(md, observed, turn, records, now) else previous


def _is_of_no_help(observed: Observed, turn: Turn, records: Mapping[str, Record]) -> bool:
    """The active revision does not answer right, and the one before would do no better."""
    active, previous = str(turn.revision), str(turn.previous)
    if observed.has_replicas(active) and observed.check_of(active, "stable") is None:
        return False  # it is about to be asked
    has_failed = records.get(previous, Record()).failed
    return has_failed or not observed.has_replicas(previous) or is_not_right(observed, previous)


def _is_overdue(
    md: ModelDeployment,
    observed: Observed,
    turn: Turn,
    records: Mapping[str, Record],
    now: datetime,
) -> bool:
    """The active revision has given no right answer for as long as a candidate would have had.

    That is no reason to return, and none to keep the revision before for ever. From one that is
    wrong where the one before is right, it is returned.
    """
    ends, active = watch_ends(md, turn), str(turn.revision)
    if ends is None or now < ends:
        return False
    last = observed.check_of(active, "stable")
    is_slow = last is not None and last.is_missing and observed.has_replicas(active)
    return is_slow or _is_of_no_help(observed, turn, records)


def is_not_right(observed: Observed, revision: str) -> bool:
    """Asked for comparison, or as the active one, it did not answer right the last time."""
    vias: tuple[Via, ...] = ("beside", "stable")
    lasts = (observed.check_of(revision, via) for via in vias)
    return any(last is not None and not last.ok for last in lasts)


def watch_ends(md: ModelDeployment, turn: Turn) -> datetime | None:
    """Until when a promotion is watched at the most, if no answer is right before."""
    since = moment(turn.since)
    longest = timedelta(seconds=md.spec.rollout.progress_deadline_seconds)
    return None if since is None else since + max(longest, kept_for(md))


def kept_for(md: ModelDeployment) -> timedelta:
    """How long after a promotion the revision before stays."""
    rollout = md.spec.rollout
    return timedelta(seconds=max(rollout.drain_seconds, rollout.bake_seconds, SETTLE_SECONDS))


def made_at(observed: Observed, revision: str) -> datetime | None:
    """When its RayService was made."""
    rayservice = observed.rayservice_of(revision)
    return None if rayservice is None else moment(creation(rayservice))
