"""An answer that does not come is no wrong answer: it delays a rollout, and never turns it back."""

from typing import Any

import pytest

from bastaix.api import names
from bastaix.reconcile.cluster import Answer
from bastaix.rollout.gates import BAKE_CHECK_SECONDS, BAKE_FAILURES
from tests.unit.reconcile.rollouts import FAILED, outcome, promoted, there, with_candidate
from tests.unit.reconcile.stage import NAME, Stage

WRONG = Answer("wrong", "POST answered 500, not 200")
MISSING = pytest.mark.parametrize("missing", ["late", "unreachable"])
SHORT = {"drainSeconds": 60, "bakeSeconds": 60, "progressDeadlineSeconds": 600}


def through_stable(stage: Stage, answer: Answer) -> None:
    stage.probe.behind[NAME[1]] = answer


def through_own(stage: Stage, rayservice: str, answer: Answer) -> None:
    service = names.candidate_service_name(NAME[1], rayservice.rpartition("-")[2])
    stage.probe.behind[service] = answer


def go_on(stage: Stage, seconds: float, step: float = BAKE_CHECK_SECONDS) -> None:
    """With a look every so many seconds, as a rule as often as it is asked in the bake."""
    for _ in range(int(seconds / step)):
        stage.clock.forward(step)
        stage.run()


@MISSING
def test_answers_that_do_not_come_extend_the_bake_and_never_turn_back(missing: Any) -> None:
    stage, a, b = promoted(spec__rollout=SHORT)
    through_stable(stage, Answer(missing, "POST: no answer within 15 s"))
    go_on(stage, 300, step=10)
    assert stage.selected == b
    assert there(stage) == {a, b}, "the one before is kept meanwhile"
    through_stable(stage, Answer("right", "POST answered 200"))
    go_on(stage, 5)
    assert stage.selected == b
    assert stage.ready["status"] == "True"
    assert not outcome(stage, b).failed


@MISSING
def test_a_revision_that_stays_slow_is_kept_and_says_so(missing: Any) -> None:
    stage, _, b = promoted(spec__rollout=SHORT)
    through_stable(stage, Answer(missing, "POST: no answer within 15 s"))
    go_on(stage, 630, step=30)
    assert stage.selected == b
    assert there(stage) == {b}, "the one before does not stay for ever"
    assert stage.ready["status"] == "False"
    assert stage.ready["reason"] == {"late": "AnswerLate"}.get(missing, "ProbeUnreachable")
    assert stage.condition("Reconciling")["status"] == "True"
    through_stable(stage, Answer("right", "POST answered 200"))
    stage.clock.forward(60)
    stage.run()
    assert stage.ready["status"] == "True"


def test_a_late_answer_between_wrong_ones_excuses_nothing() -> None:
    stage, a, b = promoted()
    for _ in range(BAKE_FAILURES - 1):
        through_stable(stage, WRONG)
        go_on(stage, BAKE_CHECK_SECONDS)
        through_stable(stage, Answer("late", "POST: no answer within 15 s"))
        go_on(stage, BAKE_CHECK_SECONDS)
    assert stage.selected == b
    through_stable(stage, WRONG)
    go_on(stage, BAKE_CHECK_SECONDS)
    assert stage.selected == a


def test_an_app_that_failed_is_turned_back_however_it_answers() -> None:
    stage, a, b = promoted()
    through_stable(stage, Answer("late", "POST: no answer within 15 s"))
    stage.say(FAILED, b)
    go_on(stage, BAKE_FAILURES * BAKE_CHECK_SECONDS)
    assert stage.selected == a
    assert outcome(stage, b).outcome == "RolledBack"


@pytest.mark.parametrize("before", ["wrong", "late", "unreachable"])
def test_what_the_revision_before_answers_no_better_is_no_reason_to_return(before: Any) -> None:
    """What both need is away: a data base, say."""
    stage, a, b = promoted()
    through_stable(stage, WRONG)
    through_own(stage, a, Answer(before, "POST said no"))
    go_on(stage, 50)
    assert stage.selected == b
    through_own(stage, a, Answer("right", "POST answered 200"))
    go_on(stage, 10)
    assert stage.selected == a


def test_the_revision_before_is_asked_only_when_the_active_one_does_not_answer() -> None:
    stage, _, _ = promoted()
    asked = len(stage.probe.candidates)
    go_on(stage, 20)
    assert len(stage.probe.candidates) == asked
    through_stable(stage, Answer("late", "POST: no answer within 15 s"))
    go_on(stage, BAKE_CHECK_SECONDS)
    assert len(stage.probe.candidates) == asked + 1


@MISSING
def test_a_candidate_is_not_failed_for_being_slow_before_the_deadline(missing: Any) -> None:
    stage, a, b = with_candidate(spec__rollout=SHORT)
    stage.bring_up(b)
    through_own(stage, b, Answer(missing, "POST: no answer within 15 s"))
    go_on(stage, 510, step=30)
    assert there(stage) == {a, b}
    through_own(stage, b, Answer("right", "POST answered 200"))
    go_on(stage, 60)
    assert stage.selected == b


def test_a_candidate_that_is_slow_alone_fails_at_the_deadline() -> None:
    stage, a, b = with_candidate(spec__rollout=SHORT)
    stage.bring_up(b)
    through_own(stage, b, Answer("late", "POST: no answer within 15 s"))
    go_on(stage, 630, step=30)
    assert stage.selected == a
    assert outcome(stage, b).reason == "DeadlineExceeded"


def test_a_candidate_beside_an_active_revision_that_is_as_slow_has_the_time_twice() -> None:
    stage, a, b = with_candidate(spec__rollout=SHORT)
    stage.bring_up(b)
    for each in (a, b):
        through_own(stage, each, Answer("late", "POST: no answer within 15 s"))
    go_on(stage, 1170, step=30)
    assert there(stage) == {a, b}
    assert stage.condition("Serving")["status"] == "True"
    go_on(stage, 60, step=30)
    assert outcome(stage, b).reason == "DeadlineExceeded"
