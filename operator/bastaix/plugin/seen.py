"""What the plugin reads of one ModelDeployment, and the names by which a user means a revision.

A look at one moment. Everything that is said or asked for is a pure function of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bastaix.api import conditions
from bastaix.api import rollout as rollouts
from bastaix.api.rollout import Request
from bastaix.observe.ownership import family, is_controlled_by
from bastaix.render.revision import Revision, from_controller_revision
from bastaix.rollout import memory, mirror, wish
from bastaix.rollout.record import Record
from bastaix.rollout.wish import Wish

Object = Mapping[str, Any]

COMMIT_DIGITS = 12


class Unclear(Exception):
    """What the user wrote means nothing here; the message says what would."""


@dataclass(frozen=True)
class Kept:
    """A revision as its ControllerRevision keeps it, and what became of it."""

    number: int
    created: str
    revision: Revision
    record: Record

    @property
    def hash(self) -> str:
        return self.revision.hash


@dataclass(frozen=True)
class Seen:
    body: Object
    kept: tuple[Kept, ...] = ()
    """The newest first."""
    wish: Wish | None = None
    """What is asked for, the annotation and what was taken in before; None: not known."""
    events: tuple[Object, ...] | None = ()
    """The newest first; None: whoever asks may not read them."""

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.body["metadata"]["namespace"])

    @property
    def generation(self) -> int:
        return int(self.body["metadata"].get("generation", 1))

    @property
    def status(self) -> Object:
        return self.body.get("status") or {}

    @property
    def rollout(self) -> Object:
        """As the user wrote it, with the CRD's defaults."""
        return (self.body.get("spec") or {}).get("rollout") or {}

    @property
    def is_suspended(self) -> bool:
        return bool((self.body.get("spec") or {}).get("suspend"))

    @property
    def is_current(self) -> bool:
        """The status is of this spec."""
        return bool(self.status.get("observedGeneration") == self.generation)

    @property
    def request(self) -> Request | None:
        return rollouts.request(self.body["metadata"])

    @property
    def active(self) -> Object:
        return self.status.get("active") or {}

    @property
    def candidate(self) -> Object:
        return self.status.get("candidate") or {}

    def has_failed(self, kept: Kept) -> bool:
        """Since the spec asks for what it asks for."""
        since = self.wish.generation if self.wish else self.generation
        return kept.record.failed and (kept.record.generation or 0) >= since

    @property
    def requested(self) -> str:
        """The annotation, and a rollback that is in force though it has gone from there."""
        kept = self.wish.request if self.wish and self.wish.rollback else None
        texts = (kept, self.request.text if self.request else None)
        return ", ".join(dict.fromkeys(text for text in texts if text))

    @property
    def returning_to(self) -> Kept | None:
        """What a rollback that is in force goes to, or has gone or failed to go to."""
        return self.of(self.wish.rollback) if self.wish and self.wish.rollback else None

    def condition(self, type: str) -> Object:
        """Empty while nobody has said it."""
        return conditions.find_condition(self.status.get("conditions") or (), type) or {}

    def of(self, revision: str | None) -> Kept | None:
        return next((each for each in self.kept if each.hash == revision), None)


def gathered(body: Object, controller_revisions: Sequence[Object], service: Object | None) -> Seen:
    """Of one ModelDeployment: another of the same name may have been there before it.

    Of the ControllerRevisions and the Service with its name, what is not its own does not count.
    """
    name, uid = str(body["metadata"]["name"]), str(body["metadata"]["uid"])
    service = service if service and is_controlled_by(service, uid) else None
    own = family(name, uid, controller_revisions=controller_revisions).controller_revisions
    known = memory.recorded(body)
    # of an operator that knows no status.rollout, what it has written on its Service
    told, intent = mirror.read(service) if known is None else (known.records, known.wish)
    kept = _kept(own, told)
    records = {each.hash: each.record for each in kept}
    request = rollouts.request(body["metadata"])
    active = ((body.get("status") or {}).get("active") or {}).get("revision")
    standing = wish.current(body, intent)
    standing = wish.taken_in(standing, request, records, target=None, active=active)
    return Seen(body, kept, standing)


def _kept(
    controller_revisions: Sequence[Object], records: Mapping[str, Record]
) -> tuple[Kept, ...]:
    read = ((from_controller_revision(each), each) for each in controller_revisions)
    ours = ((revision, each) for revision, each in read if revision is not None)
    found = (
        Kept(
            number=int(each["revision"]),
            created=str(each["metadata"].get("creationTimestamp") or ""),
            revision=revision,
            record=records.get(revision.hash, Record()),
        )
        for revision, each in ours
    )
    return tuple(sorted(found, key=lambda each: (each.number, each.created), reverse=True))


def newest_first(events: Sequence[Object]) -> tuple[Object, ...]:
    return tuple(sorted(events, key=happened, reverse=True))


def happened(event: Object) -> str:
    """When last; each of Kubernetes' own ways to write Events fills in another field."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    created = event["metadata"].get("creationTimestamp")
    return str(next((time for time in (*times, created) if time), ""))


def meant(seen: Seen, given: str) -> Kept:
    """`active`, `candidate`, a hash, or the first digits of one that fit no other."""
    known = ", ".join(each.hash for each in seen.kept) or "none"
    if given in ("active", "candidate"):
        hash = getattr(seen, given).get("revision")
        if hash is None:
            raise Unclear(f"{seen.name} has no {given} revision now; kept are: {known}")
        found = [each for each in seen.kept if each.hash == hash]
    else:
        found = [each for each in seen.kept if given and each.hash.startswith(given)]
    if not found:
        raise Unclear(f"no revision {given!r} of {seen.name} is kept; kept are: {known}")
    if len(found) > 1:
        fit = ", ".join(each.hash for each in found)
        raise Unclear(f"{given!r} fits several revisions, write more of it: {fit}")
    return found[0]


def short(commit: object) -> str:
    return str(commit)[:COMMIT_DIGITS] if commit else "-"


def age(since: object, now: datetime) -> str:
    """As kubectl says it: the largest unit alone; nothing for no time."""
    time = conditions.parse_time(since)
    if time is None:
        return ""
    seconds = int((now - time).total_seconds())
    for unit, size, above in (("d", 86400, 172800), ("h", 3600, 7200), ("m", 60, 120)):
        if seconds >= above:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
