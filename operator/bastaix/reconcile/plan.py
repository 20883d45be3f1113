"""What is to be done for one ModelDeployment, decided from what is seen. Pure.

Which revision is wanted says `rollout.roles`, and what a candidate still lacks
`rollout.gates`; here it becomes steps. What is remembered is written first; a promotion is one
write, of the stable Service, and the next look acts on what was written, so the operator may be
killed between any two writes. How the steps are taken, and in which order, is the reconciler's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from bastaix.api import reasons
from bastaix.api.conditions import timestamp
from bastaix.api.errors import Hindrance, Stalled, Waiting
from bastaix.api.reasons import Finding, explained
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed
from bastaix.reconcile import children
from bastaix.reconcile.children import Object, Patch
from bastaix.reconcile.drift import Manifest, turned
from bastaix.reconcile.holders import living, remains
from bastaix.reconcile.refusals import is_room_in_vain, met
from bastaix.reconcile.waits import due_in, soonest
from bastaix.render.service import Turn
from bastaix.rollout import asks, evaluations, gates
from bastaix.rollout.asks import Ask
from bastaix.rollout.checks import question_for, remembering
from bastaix.rollout.memory import Memory
from bastaix.rollout.record import Outcome, Record
from bastaix.rollout.roles import Roles, turn_to
from bastaix.rollout.story import Said, said

AT_ONCE: Final = 0.0


@dataclass(frozen=True)
class Told:
    """What has happened, for an Event and for the log."""

    reason: reasons.Reason
    note: str
    good: bool
    transition: Literal["promotion", "rollback", "failure", "recreate"]
    revision: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Steps to take, in this order; then when to look again, and what is to be said."""

    memory: Memory
    """What the steps rely on: written down before any of them is taken."""
    is_repair: bool = False
    """Somebody else has turned the stable Service: it is turned back before anything goes."""
    rehearsals: tuple[Manifest, ...] = ()
    """What must be found to be acceptable before anything is removed."""
    deletes: tuple[Object, ...] = ()
    patches: tuple[Patch, ...] = ()
    applies: tuple[Manifest, ...] = ()
    creates: tuple[Manifest, ...] = ()
    """What is made once and never changed."""
    events: tuple[Told, ...] = ()
    asks: tuple[Ask, ...] = ()
    after: float | None = None
    """AT_ONCE: a step is taken here that another one follows."""
    said: Said | None = None
    """None: nothing but what is seen."""

    @property
    def removes_pods(self) -> bool:
        return any(each["kind"] == "RayService" for each in self.deletes)

    @property
    def acts(self) -> bool:
        """It changes something, or another look is to follow from what it has decided."""
        steps = (self.deletes, self.patches, self.applies, self.creates)
        return any(steps) or self.after == AT_ONCE


@dataclass(frozen=True, kw_only=True)
class _Move:
    """What becomes of the rollout now."""

    turn: Turn
    records: Mapping[str, Record]
    events: tuple[Told, ...] = ()
    verdict: gates.Verdict | None = None
    evaluates: bool = False
    """An evaluation is to be started."""
    after: float | None = None


def plan(
    md: ModelDeployment,
    observed: Observed,
    roles: Roles,
    hindrance: Hindrance | None,
    now: datetime,
) -> Plan:
    """The steps from what is seen to what the spec asks for."""
    stale = children.stale(observed, roles)
    if md.spec.suspend:
        gone = living((*observed.rayservices, *observed.jobs))
        return Plan(memory=roles.memory, deletes=(*gone, *stale))
    if observed.kuberay == "missing":
        stable = children.stable_service(md, observed, roles, roles.turn, roles.records)
        return _hindered(Plan(memory=roles.memory, applies=stable), hindrance)
    kept, left, move = _look(md, observed, roles, now)
    going = children.going(observed, kept)
    ended = living(evaluations.leaving(md, observed, roles, now))
    stable = children.stable_service(md, observed, roles, move.turn, move.records)
    is_turned = any(turned(observed.service, each) for each in stable)
    is_repair = is_turned and observed.service is not None and move.turn == roles.turn
    questions, due = asks.due(
        observed,
        roles,
        now,
        trial=roles.candidate if not roles.waits and roles.candidate in kept else None,
        is_baking=gates.is_baking(md, observed, roles, now),
        is_turned=is_turned,
    )
    steps = Plan(
        memory=replace(roles.memory, turn=move.turn, records=move.records),
        is_repair=is_repair,
        rehearsals=children.rehearsals(md, observed, roles, going),
        deletes=() if is_repair else (*going, *stale, *ended),
        creates=(evaluations.job(md, observed, roles),) if move.evaluates else (),
        # what keeps clients served comes before what may be refused
        applies=(
            *stable,
            *children.rayservices(md, observed, roles, kept, may_start=left is None),
        ),
        patches=children.scaling(md, observed, roles, kept),
        events=move.events,
        # whom the Service leads to is asked when it does
        asks=questions if move.turn == roles.turn else (),
        after=soonest(
            AT_ONCE if is_repair else move.after,
            due,
            due_in(md, observed, roles, left, now),
        ),
        said=said(observed, roles, move.verdict, left, now),
    )
    return _hindered(steps, met(observed, roles, hindrance))


def tell(
    md: ModelDeployment,
    observed: Observed,
    roles: Roles,
    hindrance: Hindrance | None,
    now: datetime,
) -> Said | None:
    """What a plan would say, without the rendering that its steps need."""
    if md.spec.suspend or observed.kuberay == "missing":
        return None if md.spec.suspend else _hindered(Plan(memory=roles.memory), hindrance).said
    _, left, move = _look(md, observed, roles, now)
    word = said(observed, roles, move.verdict, left, now)
    steps = Plan(memory=roles.memory, said=word)
    return _hindered(steps, met(observed, roles, hindrance)).said


def _look(
    md: ModelDeployment, observed: Observed, roles: Roles, now: datetime
) -> tuple[frozenset[str], Object | None, _Move]:
    """Who may hold Pods, the first thing that holds some and shall not, and what becomes of it."""
    kept = children.keep(observed, roles)
    there = frozenset(each for each in kept if observed.rayservice_of(each) is not None)
    move = _move(md, observed, roles, kept, now)
    if "Service" in observed.occupied:
        move = _unwritten(move, roles)
    return kept, remains(observed, there), move


def _unwritten(move: _Move, roles: Roles) -> _Move:
    """What becomes of it where the stable Service cannot be written: nobody gets the traffic."""
    after = move.after or None  # no step is taken here that another one follows
    return replace(move, turn=roles.turn, records=roles.records, events=(), after=after)


def _move(
    md: ModelDeployment, observed: Observed, roles: Roles, kept: frozenset[str], now: datetime
) -> _Move:
    turn = _dated(roles.turn, now)
    known = _remembered(md, observed, replace(roles, turn=turn))
    if _begins_anew(observed, roles):
        known[str(roles.candidate)] = roles.record(roles.candidate).tried_again()
    stay = _Move(turn=turn, records=known, after=None if turn == roles.turn else AT_ONCE)
    if roles.candidate is None or roles.waits:
        return _baked(md, observed, roles, stay, now)
    live = observed.rayservice_of(roles.candidate)
    refused = observed.refused.get(roles.candidate)
    if refused is not None and is_room_in_vain(observed, roles, refused, now):
        finding = refused.hindrance.finding
        return _failed(md, roles, stay, roles.candidate, "Failed", finding, now)
    if live is None or roles.candidate not in kept:
        return stay
    record = known.get(roles.candidate, Record())
    evaluation = evaluations.standing(md, observed, roles, record, now)
    known[roles.candidate] = evaluation.record
    verdict = gates.judge(md, observed, roles, evaluation, now)
    if not observed.is_recorded and verdict.step in ("promote", "recreate"):
        return stay if not roles.returning else _promoted(md, observed, roles, stay, verdict, now)
    if verdict.step == "promote":
        return _promoted(md, observed, roles, stay, verdict, now)
    if verdict.finding.reason == reasons.PAUSED:
        uid = live["metadata"]["uid"]
        known[roles.candidate] = replace(evaluation.record, passed=uid)
    if verdict.step == "wait":
        return replace(
            stay,
            verdict=verdict,
            evaluates=evaluation.starts
            and verdict.finding == evaluation.lacks
            and observed.is_recorded,
            after=soonest(stay.after, verdict.after, evaluation.after),
        )
    if verdict.step == "recreate":
        flagged = replace(evaluation.record, recreate=True)
        note = f"{verdict.finding.message}. Recreate follows: the active revision makes room."
        happened = Told(verdict.finding.reason, note, False, "recreate", roles.candidate)
        return _noted(stay, flagged, happened)
    return _failed(md, roles, stay, roles.candidate, "Failed", verdict.finding, now)


def _promoted(
    md: ModelDeployment,
    observed: Observed,
    roles: Roles,
    stay: _Move,
    verdict: gates.Verdict,
    now: datetime,
) -> _Move:
    assert roles.candidate is not None
    note = f"revision {roles.candidate} has the traffic"
    note += f"; revision {roles.active} had it before" if roles.active else ""
    reason = reasons.ROLLED_BACK if roles.returning else reasons.PROMOTED
    turn = turn_to(roles.candidate, roles, now)
    happened = Told(
        reason,
        note,
        good=not roles.returning,
        transition="rollback" if roles.returning else "promotion",
        revision=roles.candidate,
    )
    records = dict(stay.records)
    if roles.candidate == roles.wish.rollback and roles.active in records:
        records[roles.active] = replace(records[roles.active], left=turn.since)
    promoted = records[roles.candidate].turned_to(str(turn.since))
    if observed.answered(roles.candidate, "own"):
        promoted = remembering(promoted, question_for(md, observed, roles, roles.candidate))
    return replace(
        stay,
        turn=turn,
        records={**records, roles.candidate: promoted},
        events=(happened,),
        verdict=verdict,
        after=AT_ONCE,
    )


def _baked(
    md: ModelDeployment, observed: Observed, roles: Roles, stay: _Move, now: datetime
) -> _Move:
    """What is wrong with the active revision while the one before could come back."""
    spoilt = gates.spoilt(md, observed, roles, now)
    if spoilt is None or roles.active is None:
        return stay
    return _failed(md, roles, stay, roles.active, "RolledBack", spoilt, now)


def _failed(
    md: ModelDeployment,
    roles: Roles,
    stay: _Move,
    revision: str,
    outcome: Outcome,
    finding: Finding,
    now: datetime,
) -> _Move:
    before = stay.records.get(revision, roles.record(revision))
    failing = before.failing(
        outcome,
        finding,
        generation=md.generation,
        request=roles.wish.request,
        least=md.spec.scaling.min_replicas,
        is_again=roles.wish.counts(before),
        now=now,
    )
    note = f"revision {revision}: {explained(finding)}"
    return _noted(stay, failing, Told(finding.reason, note, False, "failure", revision))


def _noted(stay: _Move, changed: Record, happened: Told) -> _Move:
    return replace(
        stay,
        records={**stay.records, happened.revision: changed},
        events=(happened,),
        after=AT_ONCE,
    )


def _begins_anew(observed: Observed, roles: Roles) -> bool:
    """A failure counts no more, and what failed is gone."""
    candidate = roles.candidate
    if candidate is None or candidate != roles.subject or roles.failure is not None:
        return False
    return roles.record(candidate).failed and candidate in children.keep(observed, roles)


def _remembered(md: ModelDeployment, observed: Observed, roles: Roles) -> dict[str, Record]:
    """With what is seen: that the active revision was turned to, what it answers, who is who."""
    active, since, target = roles.active, roles.turn.since, roles.target
    records = dict(roles.records)
    if target is not None and target.hash in records:
        records[target.hash] = replace(records[target.hash], sha256=target.sha256)
    if active is None or since is None or active not in records:
        return records
    if records[active].promoted is None:
        records[active] = records[active].turned_to(since)
    records[active] = replace(records[active], passed=None)
    if observed.answered(active) and target is not None and target.hash == active:
        records[active] = remembering(records[active], question_for(md, observed, roles, active))
    return records


def _dated(turn: Turn, now: datetime) -> Turn:
    """A Service of an operator that wrote no dates: it gets today's."""
    is_dated = turn.revision is None or turn.since is not None
    return turn if is_dated else replace(turn, since=timestamp(now))


def _hindered(steps: Plan, hindrance: Hindrance | None) -> Plan:
    """What is in the way is said before all else."""
    if hindrance is None:
        return steps
    after = hindrance.after if isinstance(hindrance, Waiting) else None
    finding = hindrance.finding
    return replace(
        steps,
        after=soonest(steps.after, after),
        said=Said(finding, isinstance(hindrance, Stalled)),
    )
