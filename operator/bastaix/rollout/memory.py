"""What the operator remembers of one ModelDeployment: `status.rollout`. Pure.

Its tenants cannot write a status, so none of them can forge a passed gate or erase a failure. It
is written before the step that relies on it, and an operator that is killed between the two goes
on from it. Which revision gets the traffic is still what the stable Service's selector says: a
promotion is one write of that. What was decided is noted here just before, so that a selector
that somebody else has turned is told from ours, and turned back.

Where a status has no memory, as after an older operator or a restore from a backup, only what
makes the operator more careful is taken from the Service (see `rollout.mirror`), and promotions
from `status.history`, which tenants cannot write either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bastaix.render.service import Turn
from bastaix.rollout import mirror, record, wish
from bastaix.rollout.record import Record, is_revision, is_time
from bastaix.rollout.wish import Wish

MOST_REVISIONS: Final = 12


@dataclass(frozen=True, kw_only=True)
class Memory:
    records: Mapping[str, Record] = field(default_factory=dict)
    wish: Wish | None = None
    turn: Turn | None = None
    """The promotion that was decided last; None: it is not known."""

    def with_job(self, revision: str, uid: str, key: str) -> "Memory":
        """That this Job evaluates a revision, by this key."""
        record = replace(self.records.get(revision, Record()), job=uid, job_sha256=key)
        return replace(self, records={**self.records, revision: record})

    @property
    def essence(self) -> "Memory":
        """What a step may rely on; the rest follows from the spec, and may wait for the report."""
        records = {
            hash: replace(each, sha256=None)
            for hash, each in self.records.items()
            if replace(each, sha256=None) != Record()
        }
        asked = self.wish or Wish(spec="", generation=0)
        return replace(
            self,
            records=records,
            wish=Wish(spec="", generation=0, rollback=asked.rollback, request=asked.request),
        )


def recorded(body: Mapping[str, Any]) -> Memory | None:
    """What stands in the status of a ModelDeployment; None: there is no memory in it."""
    given = (body.get("status") or {}).get("rollout")
    if not isinstance(given, Mapping):
        return None
    return Memory(
        records=dict(_records(given.get("revisions"))),
        wish=wish.read(given.get("intent")),
        turn=_turn(given.get("traffic")),
    )


def is_news(body: Mapping[str, Any], memory: Memory) -> bool:
    """Whether a step may rely on something that does not stand in the status yet."""
    found = recorded(body)
    return found is None or fields(found.essence) != fields(memory.essence)


def recalled(body: Mapping[str, Any], service: Mapping[str, Any] | None) -> Memory:
    """From the status, or else what of the Service makes more careful."""
    found = recorded(body)
    if found is not None:
        return found
    careful, kept = mirror.cautious(service)
    records = _promoted(body)
    for hash, each in careful.items():
        # a count of attempts undoes no promotion
        is_worse = each.failed or hash not in records
        records[hash] = each if is_worse else replace(records[hash], attempts=each.attempts)
    return Memory(records=records, wish=kept)


def _promoted(body: Mapping[str, Any]) -> dict[str, Record]:
    """What the history says to have had the traffic, but for what its evaluation came to."""
    listed = (body.get("status") or {}).get("history")
    listed = listed if isinstance(listed, list) else []
    entries = [each for each in listed if isinstance(each, Mapping)]
    return {
        str(entry["revision"]): Record().turned_to(str(entry["at"]))
        for entry in entries
        if entry.get("outcome") == "Promoted"
        and is_revision(entry.get("revision"))
        and is_time(entry.get("at"))
    }


def fields(memory: Memory) -> dict[str, Any]:
    """As `status.rollout`: always there, so that it is seen whether the CRD has it."""
    revisions = [
        {"revision": hash, **given}
        for hash, each in _latest(memory.records)
        if (given := record.fields(each))
    ]
    turn, intent = memory.turn, memory.wish
    given = {
        "intent": None if intent is None else wish.fields(intent),
        "traffic": None if turn is None else _traffic(turn),
        "revisions": revisions or None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _latest(records: Mapping[str, Record]) -> list[tuple[str, Record]]:
    """More of them than there are ControllerRevisions are never kept for long."""
    dated = sorted(
        records.items(), key=lambda item: item[1].at or item[1].promoted or "", reverse=True
    )
    return sorted(dated[:MOST_REVISIONS])


def _records(given: object) -> list[tuple[str, Record]]:
    listed = given[:MOST_REVISIONS] if isinstance(given, list) else []
    found = (
        (entry["revision"], record.read(entry))
        for entry in listed
        if isinstance(entry, Mapping) and is_revision(entry.get("revision"))
    )
    return [(hash, each) for hash, each in found if each is not None]


def _traffic(turn: Turn) -> dict[str, str] | None:
    """None: it leads nowhere, or somebody has turned it to what is no revision."""
    given = {"revision": turn.revision, "since": turn.since, "previous": turn.previous}
    if _turn(given) is None:
        return None
    given["previousSince"] = turn.previous_since
    return {key: value for key, value in given.items() if value is not None}


def _turn(given: object) -> Turn | None:
    """None: not known, or not of its form."""
    if not isinstance(given, Mapping):
        return None
    revision, since = given.get("revision"), given.get("since")
    previous, previous_since = given.get("previous"), given.get("previousSince")
    if not is_revision(revision) or not is_time(since):
        return None
    return Turn(
        str(revision),
        str(since),
        previous if is_revision(previous) else None,
        previous_since if is_time(previous_since) else None,
    )
