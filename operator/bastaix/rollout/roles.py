"""Which revision plays which part just now. Pure.

Read off what is there: the stable Service says which is active, and the memory in the status what
became of each. From this and the spec follows which one is wanted. Nothing is remembered
elsewhere, so after a restart the same parts are given out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bastaix.api import reasons
from bastaix.api.conditions import timestamp
from bastaix.api.names import PREVIOUS_ANNOTATION, REVISION_LABEL, SINCE_ANNOTATION
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed, moment, revision_of
from bastaix.render.revision import Revision, from_controller_revision
from bastaix.render.service import NO_REVISION, Turn
from bastaix.rollout import memory, watch, wish
from bastaix.rollout.memory import Memory
from bastaix.rollout.record import Record, is_revision, is_time, promoted
from bastaix.rollout.wish import Wish

FIRST_RETRY_SECONDS: Final = 30.0
LAST_RETRY_SECONDS: Final = 600.0
TURNING_SECONDS: Final = 60.0
"""So soon after it was decided a promotion is decided anew where it was not carried out."""


@dataclass(frozen=True, kw_only=True)
class Roles:
    target: Revision | None
    """Of the spec; None while it cannot be made."""
    records: Mapping[str, Record]
    wish: Wish
    turn: Turn
    """Where the stable Service leads."""
    subject: str | None
    """The revision that the user asks for: the target, or the one to return to."""
    failure: Record | None
    """Why the subject is not wanted for now, or no more."""
    wanted: str | None
    """The revision that shall be active."""
    recreate: bool
    """It may not run beside the active one."""
    before: str | None
    """The revision before the active one, still kept alive beside it."""
    held: str | None
    """A revision that failed and stays to be looked into."""
    retry_at: datetime | None

    @property
    def memory(self) -> Memory:
        """What is known of all this, to be remembered."""
        return Memory(records=self.records, wish=self.wish, turn=self.turn)

    @property
    def active(self) -> str | None:
        return self.turn.revision

    @property
    def candidate(self) -> str | None:
        return self.wanted if self.wanted != self.active else None

    @property
    def returning(self) -> bool:
        """The candidate has had the traffic before, and is not what the spec asks for."""
        if self.candidate is None or (self.target and self.target.hash == self.candidate):
            return False
        return self.record(self.candidate).promoted is not None

    @property
    def waits(self) -> bool:
        """The candidate comes only after the one before has been drained."""
        return self.before is not None and self.candidate not in (None, self.before)

    @property
    def beside(self) -> str | None:
        """The other one that lives: if it does not answer either, neither is at fault."""
        return self.before if self.candidate is None or self.waits else self.active

    @property
    def keep(self) -> frozenset[str]:
        """Who may hold Pods: never more than two."""
        if self.candidate is None:
            both = self.active, self.held or self.before
        elif self.waits:
            both = self.active, self.before
        elif self.recreate:
            both = self.candidate, None
        else:
            both = self.candidate, self.active
        return frozenset(each for each in both if each is not None)

    def record(self, revision: str | None) -> Record:
        return self.records.get(revision or "", Record())


def roles(md: ModelDeployment, observed: Observed, target: Revision | None, now: datetime) -> Roles:
    known = memory.recalled(observed.md_body, observed.service)
    kept = [revision_of(each) for each in observed.controller_revisions]
    records = {each: known.records.get(each, Record()) for each in kept if each is not None}
    turn = _turn(md, observed, known.turn, now)
    spec = target.hash if target is not None else None
    standing = wish.current(observed.md_body, known.wish)
    standing = wish.taken_in(standing, md.request, records, target=spec, active=turn.revision)
    returns = standing.rollback is not None and standing.rollback in (*records, turn.revision)
    subject = standing.rollback if returns else spec or turn.revision
    failure = _failure(md, standing, turn, subject, records)
    recreates = _recreates(md, records, subject, failure)
    good = _last_good(turn, subject, records)
    retry_at = _retry_at(md, failure) if failure is not None else None
    if good is not None and recreates:
        retry_at = None  # each try would take what serves away
    if failure is None or (retry_at is not None and retry_at <= now):
        wanted: str | None = subject
    else:
        wanted = good or turn.revision
    is_last = wanted in (None, turn.revision, turn.previous)
    before = watch.before(md, observed, turn, records, now, is_last=is_last)
    if before is not None and _is_spoilt(turn, records):
        wanted = before  # what is asked for comes after what serves
    may_hold = md.spec.rollout.on_failure == "Hold" and not recreates
    is_held = failure is not None and may_hold and wanted != subject
    are_there = all(each and observed.rayservice_of(each) for each in (before, turn.revision))
    return Roles(
        target=target,
        records=records,
        wish=standing,
        turn=turn,
        subject=subject,
        failure=failure,
        wanted=wanted,
        recreate=_recreates(md, records, wanted, failure) and not (before == wanted and are_there),
        before=before,
        held=subject if is_held and observed.rayservice_of(subject or "") else None,
        retry_at=retry_at,
    )


def _recreates(
    md: ModelDeployment,
    records: Mapping[str, Record],
    revision: str | None,
    failure: Record | None,
) -> bool:
    """It cannot run beside the active one, by the user's word or for want of room.

    There may be room by now where a failure counts no more.
    """
    strategy, known = md.spec.rollout.strategy, records.get(revision or "", Record())
    had_no_room = known.recreate and (not known.failed or failure is not None)
    return strategy == "Recreate" or (strategy == "Auto" and had_no_room)


def _turn(md: ModelDeployment, observed: Observed, noted: Turn | None, now: datetime) -> Turn:
    """Where the stable Service leads, unless somebody else has turned it.

    `noted` is what was decided last: the Service leads there, or, until that has been carried
    out, to where it led before. A Service that leads anywhere else, or is gone, does not count.
    """
    found = _selected(observed)
    if noted is None or not _is_known(observed, str(noted.revision)):
        return found or _reported(md, observed)
    if found is None:
        return noted
    if (found.revision, found.since) == (noted.revision, noted.since):
        return replace(noted, previous_since=None)  # carried out: it cannot be undone by hand
    # the Service is anybody's to annotate: what was before that is not taken from it
    return replace(found, previous=None) if _is_to_come(noted, found, now) else noted


def _is_to_come(noted: Turn, found: Turn, now: datetime) -> bool:
    """The Service still leads to where it did when the promotion was decided, a moment ago."""
    since = moment(noted.since)
    is_first = noted.previous is None
    if since is None or (noted.previous_since is None and not is_first):
        return False
    is_young = (now - since).total_seconds() <= TURNING_SECONDS
    return is_young and (found.revision, found.since) == (noted.previous, noted.previous_since)


def _selected(observed: Observed) -> Turn | None:
    """What the Service says by itself; None: it is gone, or somebody has turned it to nothing."""
    service = observed.service or {"metadata": {}}
    selected = ((service.get("spec") or {}).get("selector") or {}).get(REVISION_LABEL)
    annotations = service["metadata"].get("annotations") or {}
    since = annotations.get(SINCE_ANNOTATION)
    if selected == NO_REVISION and since is None:
        return Turn()
    if selected is None or not _is_known(observed, str(selected)):
        return None
    previous = annotations.get(PREVIOUS_ANNOTATION)
    return Turn(
        str(selected),
        since if is_time(since) else None,
        previous if is_revision(previous) else None,
    )


def _reported(md: ModelDeployment, observed: Observed) -> Turn:
    """What the status told last."""
    active = (md.status.get("active") or {}).get("revision")
    return Turn(str(active)) if active and observed.kept(active) is not None else Turn()


def _is_spoilt(turn: Turn, records: Mapping[str, Record]) -> bool:
    """The active revision has failed since it was turned to."""
    found = records.get(turn.revision or "", Record())
    return found.outcome == "RolledBack" and found.promoted == turn.since


def revision(observed: Observed, hash: str) -> Revision | None:
    kept = observed.kept(hash)
    return None if kept is None else from_controller_revision(kept)


def trial_began(observed: Observed, roles: Roles, candidate: str) -> datetime | None:
    """When its RayService was made; of one that had the traffic before, when it lost it."""
    made, since = watch.made_at(observed, candidate), moment(roles.turn.since)
    if made is None or since is None or roles.record(candidate).promoted is None:
        return made
    return max(made, since)


def _is_known(observed: Observed, revision: str) -> bool:
    return observed.kept(revision) is not None or observed.rayservice_of(revision) is not None


def _failure(
    md: ModelDeployment,
    standing: Wish,
    turn: Turn,
    subject: str | None,
    records: Mapping[str, Record],
) -> Record | None:
    """Why the subject is not to be tried, if that still counts."""
    found = records.get(subject or "")
    if found is None or not standing.counts(found):
        return None
    if turn.revision == subject and found.promoted != turn.since:
        return None  # it is of a trial before the one that was passed
    if found.least is not None and md.spec.scaling.min_replicas < found.least:
        return None  # for fewer there may be room
    return found


def _retry_at(md: ModelDeployment, failure: Record) -> datetime | None:
    """When it is tried again by itself; None: not before somebody asks for it."""
    reason = reasons.BY_NAME.get(failure.reason or "")
    at = moment(failure.at)
    is_final = failure.outcome == "RolledBack" or md.spec.rollout.on_failure == "Hold"
    if is_final or reason is None or reason.heals == "never" or at is None:
        return None
    wait = FIRST_RETRY_SECONDS * 2.0 ** min(failure.failures - 1, 10)
    return at + timedelta(seconds=min(LAST_RETRY_SECONDS, wait))


def _last_good(turn: Turn, subject: str | None, records: Mapping[str, Record]) -> str | None:
    """The active revision; if it is the one that failed, the last good one before it."""
    if turn.revision not in (None, subject):
        return turn.revision
    if (
        turn.previous is not None
        and not records.get(turn.previous, Record(outcome="Failed")).failed
    ):
        return turn.previous
    last = max(promoted(records, without=subject), default=None)
    return None if last is None else last[1]


def turn_to(revision: str, roles: Roles, now: datetime) -> Turn:
    return Turn(revision, timestamp(now), roles.active, roles.turn.since)
