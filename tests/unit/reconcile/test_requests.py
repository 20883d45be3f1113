"""What a user asks for in the middle: pause, promote, rollback, retry."""

import pytest

from tests.unit.reconcile.rollouts import (
    COMMIT,
    FAILED,
    C,
    ask_for,
    generation,
    promoted,
    there,
    with_candidate,
)


def test_a_bake_that_fails_after_a_recreate_brings_the_last_good_one_back_anew() -> None:
    stage, a, _ = with_candidate(spec__rollout={"strategy": "Recreate"})
    stage.take_down()
    stage.run()
    (b,) = there(stage)
    stage.bring_up(b)
    stage.run()
    assert stage.selected == b
    ask_for(stage, f"rollback@{generation(stage)}")
    stage.run()
    stage.take_down()
    stage.run()
    assert there(stage) == {a}
    stage.bring_up(a)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "RolledBack"


def test_a_pause_before_the_promotion_waits_for_a_word() -> None:
    stage, a, b = with_candidate(spec__rollout={"pauseBeforePromotion": True})
    stage.bring_up(b)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "Paused"
    assert stage.condition("Stalled")["status"] == "True"
    stage.clock.forward(24 * 3600)
    stage.run()
    assert there(stage) == {a, b}, "the deadline is not for those who wait"
    ask_for(stage, f"promote@{generation(stage) - 1}")
    stage.run()
    assert stage.selected == a, "what was asked for another generation counts no more"
    ask_for(stage, f"promote@{generation(stage)}")
    stage.run()
    assert stage.selected == b
    assert stage.ready["status"] == "True"


def test_a_pause_can_be_asked_for_in_the_middle() -> None:
    stage, a, b = with_candidate()
    ask_for(stage, f"pause@{generation(stage)}")
    stage.bring_up(b)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "Paused"


def test_a_rollback_that_is_asked_for_brings_the_last_promoted_revision_back() -> None:
    stage, a, b = promoted()
    stage.clock.forward(60)
    stage.run()
    stage.take_down()
    ask_for(stage, f"rollback@{generation(stage)}")
    stage.run()
    assert there(stage) == {a, b}
    assert stage.selected == b
    stage.bring_up(a)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "RolledBack"
    assert stage.condition("Stalled")["status"] == "True"
    stage.set(COMMIT, C)
    stage.clock.forward(60)
    stage.run()
    stage.take_down()
    stage.run()
    assert len(there(stage) - {a, b}) == 1, "another spec goes on"


def test_a_retry_after_a_return_that_failed_goes_to_what_the_spec_asks_for() -> None:
    stage, a, b = promoted()
    stage.clock.forward(60)
    stage.run()
    stage.take_down()
    ask_for(stage, f"rollback:{a.rpartition('-')[2]}@{generation(stage)}")
    stage.run()
    stage.bring_up(a)
    stage.say(FAILED, a)
    stage.run()
    assert there(stage) == {b}
    assert stage.ready["status"] == "False"
    stage.take_down()
    stage.clock.forward(60)
    ask_for(stage, f"retry@{generation(stage)}")
    stage.run()
    assert there(stage) == {b}, "the return is not tried again"
    assert stage.ready["status"] == "True"


def test_during_the_drain_a_rollback_takes_no_start() -> None:
    stage, a, _ = promoted()
    ask_for(stage, f"rollback:{a.rpartition('-')[2]}@{generation(stage)}")
    stage.run()
    assert stage.selected == a


def test_a_retry_tries_what_failed_again_once_for_each_request() -> None:
    stage, a, b = with_candidate()
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    stage.take_down()
    for text in (f"retry@{generation(stage)}", f"retry@{generation(stage)}.2"):
        stage.clock.forward(60)
        ask_for(stage, text)
        stage.run()
        assert there(stage) == {a, b}
        stage.bring_up(b)
        stage.say(FAILED, b)
        stage.run()
        assert there(stage) == {a}
        stage.take_down()
        stage.run()
        assert there(stage) == {a}


@pytest.mark.parametrize("verb", ["promote", "pause"])
def test_what_is_asked_for_after_a_retry_does_not_bring_the_old_failure_back(verb: str) -> None:
    stage, a, b = with_candidate(spec__rollout={"pauseBeforePromotion": True})
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    stage.take_down()
    stage.clock.forward(60)
    ask_for(stage, f"retry@{generation(stage)}")
    stage.run()
    stage.bring_up(b)
    stage.run()
    assert stage.ready["reason"] == "Paused"
    ask_for(stage, f"{verb}@{generation(stage)}")
    stage.run()
    assert there(stage) == {a, b}
    assert stage.selected == (b if verb == "promote" else a)


def test_a_held_candidate_begins_anew_when_a_retry_is_asked_for() -> None:
    stage, a, b = with_candidate(spec__rollout={"onFailure": "Hold"})
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    held = stage.rayservices[-1]["metadata"]["uid"]
    stage.clock.forward(60)
    ask_for(stage, f"retry@{generation(stage)}")
    stage.run()
    assert there(stage) == {a}
    stage.take_down()
    stage.run()
    assert there(stage) == {a, b}
    assert stage.rayservices[-1]["metadata"]["uid"] != held


def test_the_deadline_does_not_run_for_what_has_been_paused() -> None:
    rollout = {"pauseBeforePromotion": True, "progressDeadlineSeconds": 600}
    stage, a, b = with_candidate(spec__rollout=rollout)
    stage.bring_up(b)
    stage.run()
    assert stage.ready["reason"] == "Paused"
    stage.clock.forward(24 * 3600)
    stage.turn("worker", ready=False, name=b)
    stage.reconciler = stage.restarted()
    stage.run()
    assert there(stage) == {a, b}
    assert stage.condition("Reconciling")["status"] == "True"
    stage.turn("worker", ready=True, name=b)
    stage.run()
    assert stage.ready["reason"] == "Paused"
    ask_for(stage, f"promote@{generation(stage)}")
    stage.run()
    assert stage.selected == b
