"""A promotion is not watched for ever: what is asked for next gets its turn."""

from typing import Any

import pytest

from bastaix.api import names
from bastaix.reconcile.cluster import Answer
from tests.unit.reconcile.rollouts import COMMIT, C, outcome, promoted, there
from tests.unit.reconcile.stage import NAME, Stage

WRONG = Answer("wrong", "POST answered 500, not 200")
SHORT = {"drainSeconds": 60, "bakeSeconds": 60, "progressDeadlineSeconds": 600}
NOT_RIGHT = pytest.mark.parametrize("outcome", ["wrong", "late", "unreachable"])


def both_answer(stage: Stage, before: str, answer: Answer) -> None:
    """What both need is away: a data base, say."""
    stage.probe.behind[NAME[1]] = answer
    hash = before.rpartition("-")[2]
    stage.probe.behind[names.candidate_service_name(NAME[1], hash)] = answer


def go_on(stage: Stage, seconds: float) -> None:
    """With a look whenever one was asked for, as no event brings any; what is to go, goes."""
    left = seconds
    while left > 0:
        wait = max(5.0, min(stage.run() or left, left))
        stage.clock.forward(wait)
        left -= wait
        stage.take_down()
    stage.run()


@NOT_RIGHT
def test_a_new_commit_starts_when_neither_the_active_revision_nor_the_one_before_answers(
    outcome: Any,
) -> None:
    stage, a, b = promoted(spec__rollout=SHORT)
    both_answer(stage, a, Answer(outcome, "POST said no"))
    go_on(stage, 30)
    assert there(stage) == {a, b}
    stage.set(COMMIT, C)
    go_on(stage, 60)
    assert a not in there(stage)
    (c,) = there(stage) - {b}
    stage.bring_up(c)
    stage.probe.behind.clear()
    go_on(stage, 5)
    assert stage.selected == c


@NOT_RIGHT
def test_without_a_right_answer_the_bake_ends_when_a_candidates_deadline_would(
    outcome: Any,
) -> None:
    stage, a, b = promoted(spec__rollout=SHORT)
    both_answer(stage, a, Answer(outcome, "POST said no"))
    go_on(stage, 590)
    assert there(stage) == {a, b}
    go_on(stage, 20)
    assert there(stage) == {b}, "the one before does not stay for ever"
    stage.set(COMMIT, C)
    go_on(stage, 5)
    assert len(there(stage)) == 2


def test_a_new_commit_starts_when_no_worker_of_either_is_ready() -> None:
    stage, a, b = promoted(spec__rollout=SHORT)
    for rayservice in (a, b):
        stage.turn("worker", ready=False, name=rayservice)
    go_on(stage, 10)
    assert outcome(stage, b).outcome == "RolledBack"
    stage.set(COMMIT, C)
    go_on(stage, 60)
    assert a not in there(stage)
    assert len(there(stage)) == 2


def test_a_new_commit_starts_when_what_was_returned_to_does_not_answer_any_more() -> None:
    """What it was turned back from has failed, and is not returned to in any case."""
    stage, a, b = promoted(spec__rollout=SHORT)
    stage.turn("worker", ready=False, name=b)
    stage.run()
    assert stage.selected == a
    stage.turn("worker", ready=False, name=a)
    stage.set(COMMIT, C)
    go_on(stage, 70)
    assert b not in there(stage)
    assert len(there(stage)) == 2


def test_a_new_commit_waits_for_a_slow_revision_while_the_one_before_could_come_back() -> None:
    stage, a, b = promoted(spec__rollout=SHORT)
    stage.probe.behind[NAME[1]] = Answer("late", "POST: no answer within 15 s")
    stage.set(COMMIT, C)
    go_on(stage, 300)
    assert there(stage) == {a, b}
    assert stage.ready["reason"] == "Draining"
    go_on(stage, 310)
    assert a not in there(stage)
    assert len(there(stage)) == 2
