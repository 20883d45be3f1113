"""What was asked for counts until something else is: failures and returns outlive an annotation."""

from dataclasses import replace
from typing import Any

import pytest

from bastaix.reconcile.kinds import CONTROLLERREVISION, MODELDEPLOYMENT, RAYSERVICE, SERVICE
from bastaix.rollout import wish
from tests.unit.bodies import body, with_field
from tests.unit.reconcile.rollouts import (
    COMMIT,
    FAILED,
    B,
    C,
    ask_for,
    generation,
    outcome,
    promoted,
    there,
    unplaced,
    with_candidate,
)
from tests.unit.reconcile.stage import NAME, Stage

SCALED = {"minReplicas": 2, "maxReplicas": 5}


def withdrawn(**fields: Any) -> tuple[Stage, str, str]:
    """B failed, and its Pods are gone."""
    stage, a, b = with_candidate(**fields)
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    stage.take_down()
    stage.clock.forward(60)
    assert there(stage) == {a}
    return stage, a, b


def returned() -> tuple[Stage, str, str]:
    """From B to A, as somebody asked."""
    stage, a, b = promoted()
    ask_for(stage, f"rollback@{generation(stage)}")
    stage.run()
    assert stage.selected == a
    return stage, a, b


def test_what_failed_is_not_tried_again_because_somebody_scales() -> None:
    stage, a, _ = withdrawn()
    for scaling in (SCALED, {"minReplicas": 1, "maxReplicas": 1}):
        stage.set("spec.scaling", scaling)
        stage.reconciler = stage.restarted()
        stage.run()
        assert there(stage) == {a}
    assert stage.ready["reason"] == "DependencyMissing"
    assert stage.condition("Stalled")["status"] == "True"


def test_a_way_back_is_not_given_up_because_somebody_scales() -> None:
    stage, a, _ = with_candidate(spec__rollout={"strategy": "Recreate"})
    stage.take_down()
    stage.run()
    (b,) = there(stage)
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    stage.take_down()
    stage.run()
    assert there(stage) == {a}, "it is started again"
    stage.set("spec.scaling", SCALED)
    stage.run()
    assert there(stage) == {a}


@pytest.mark.parametrize(
    ("field", "value"), [("spec.rollout", {"bakeSeconds": 61}), ("spec.app.check", {"path": "/x"})]
)
def test_what_failed_is_tried_again_when_anything_else_changes(field: str, value: Any) -> None:
    stage, a, b = withdrawn()
    stage.set(field, value)
    stage.run()
    assert there(stage) == {a, b}


def test_what_failed_is_tried_again_when_the_spec_has_left_it_and_comes_back() -> None:
    stage, a, b = withdrawn()
    stage.set(COMMIT, body()["spec"]["source"]["git"]["commit"])
    stage.run()
    assert there(stage) == {a}
    assert stage.ready["status"] == "True"
    stage.set(COMMIT, B)
    stage.run()
    assert there(stage) == {a, b}


def test_what_found_no_room_once_runs_beside_the_active_one_first_when_it_is_tried_anew() -> None:
    rollout = {"strategy": "Auto", "capacityGraceSeconds": 60, "progressDeadlineSeconds": 600}
    stage, a, b = with_candidate(spec__rollout=rollout)
    unplaced(stage, b)
    stage.clock.forward(60)
    stage.run()
    assert there(stage) == {b}, "the active one makes room"
    stage.take_down()
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    stage.take_down()
    stage.run()
    stage.bring_up(a)
    stage.run()
    assert there(stage) == {a}
    ask_for(stage, f"retry@{generation(stage)}")
    stage.clock.forward(60)
    stage.run()
    assert there(stage) == {a, b}
    assert not outcome(stage, b).recreate


@pytest.mark.parametrize("request_then", ["", "pause@{}", "promote@{}", "misspelt"])
def test_a_return_outlives_the_annotation_that_asked_for_it(request_then: str) -> None:
    stage, a, _ = returned()
    ask_for(stage, request_then.format(generation(stage)))
    stage.reconciler = stage.restarted()
    stage.clock.forward(120)
    stage.run()
    stage.take_down()
    stage.run()
    assert there(stage) == {a}
    assert stage.ready["reason"] == "RolledBack"


def test_a_return_outlives_a_change_of_scaling() -> None:
    stage, a, _ = returned()
    stage.set("spec.scaling", SCALED)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "RolledBack"


def test_a_return_is_told_in_the_history() -> None:
    stage, _, b = returned()
    history = stage.status["history"]
    (left,) = [each for each in history if b.endswith(each["revision"])]
    assert (left["outcome"], left["reason"]) == ("RolledBack", "RolledBack")


def test_a_retry_ends_a_return() -> None:
    stage, _, b = returned()
    ask_for(stage, f"retry@{generation(stage)}")
    stage.run()
    assert stage.selected == b, "it is still there"


def test_another_commit_ends_a_return() -> None:
    stage, a, b = returned()
    stage.set(COMMIT, C)
    stage.clock.forward(60)
    stage.run()
    stage.take_down()
    stage.run()
    (c,) = there(stage) - {a}
    assert c != b


def test_a_return_without_a_name_does_not_slide_on_when_it_fails() -> None:
    stage, a, b = promoted()
    stage.clock.forward(120)
    stage.run()
    stage.take_down()
    stage.set(COMMIT, C)
    stage.run()
    (c,) = there(stage) - {b}
    stage.bring_up(c)
    stage.run()
    stage.clock.forward(120)
    stage.run()
    stage.take_down()
    ask_for(stage, f"rollback@{generation(stage)}")
    stage.run()
    assert there(stage) == {b, c}
    stage.bring_up(b)
    stage.say(FAILED, b)
    for _ in range(3):
        stage.run()
        stage.take_down()
        stage.clock.forward(3600)
    assert there(stage) == {c}, "and nobody goes on to the one before that"
    assert stage.ready["reason"] == "DependencyMissing"
    assert stage.condition("Stalled")["status"] == "True"
    assert a not in there(stage)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_return_needs_no_verified_source(is_named: bool) -> None:
    stage, a, _ = promoted()
    stage.set(COMMIT, C, checked=False)
    stage.run()
    name = f":{a.rpartition('-')[2]}" if is_named else ""
    ask_for(stage, f"rollback{name}@{generation(stage)}")
    stage.run()
    assert stage.selected == a
    stage.verify()
    stage.clock.forward(120)
    stage.run()
    stage.take_down()
    stage.run()
    assert there(stage) == {a}, "it is asked for in the place of this very commit"
    assert len(stage.listed(CONTROLLERREVISION)) == 3
    assert stage.selected == f"{NAME[1]}-{a.rpartition('-')[2]}"


@pytest.mark.parametrize("request_then", ["rollback:deadbeef@{}", "retry:deadbeef@{}"])
def test_what_means_nothing_takes_nothing_away(request_then: str) -> None:
    stage, a, _ = with_candidate(spec__rollout={"strategy": "Recreate"})
    stage.take_down()
    stage.run()
    (b,) = there(stage)
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    stage.take_down()
    stage.run()
    stage.bring_up(a)
    stage.run()
    ask_for(stage, request_then.format(generation(stage)))
    stage.run()
    assert there(stage) == {a}


def test_a_default_of_a_newer_crd_is_no_other_spec() -> None:
    stage, a, _ = returned()
    stage.set("spec.scaling", SCALED)
    stage.run()
    before = stage.cluster.body(MODELDEPLOYMENT, NAME)
    stage.cluster.put(MODELDEPLOYMENT, with_field(before, "spec.rollout", {"newDefault": 1}))
    stage.clock.forward(120)
    stage.run()
    assert stage.selected == a
    assert there(stage) == {a}


def test_fewer_replicas_than_found_no_room_are_tried() -> None:
    rollout = {"progressDeadlineSeconds": 60, "onFailure": "Hold"}
    stage, a, b = with_candidate(spec__rollout=rollout, spec__scaling={"minReplicas": 4})
    unplaced(stage, b)
    stage.clock.forward(61)
    stage.run()
    assert stage.ready["reason"] == "InsufficientCapacity"
    held = stage.cluster.body(RAYSERVICE, ("demo", b))["metadata"]["uid"]
    stage.clock.forward(1)
    for least, is_tried in ((5, False), (1, True)):
        stage.set("spec.scaling", {"minReplicas": least, "maxReplicas": 5})
        stage.run()
        stage.take_down()
        stage.run()
        found = {each["metadata"]["uid"] for each in stage.rayservices}
        assert (held not in found) == is_tried
    assert there(stage) == {a, b}


def test_a_rollback_to_the_revision_of_the_spec_ends_a_return() -> None:
    stage, a, b = returned()
    stage.clock.forward(120)
    stage.run()
    stage.take_down()
    ask_for(stage, f"rollback:{b.rpartition('-')[2]}@{generation(stage)}.2")
    stage.run()
    assert there(stage) == {a, b}
    stage.bring_up(b)
    stage.run()
    assert stage.selected == b
    assert stage.ready["status"] == "True"


@pytest.mark.parametrize("then", ["pause@{}", "scaling"])
def test_a_retry_is_not_lost_by_what_comes_after_it(then: str) -> None:
    stage, a, b = withdrawn()
    ask_for(stage, f"retry@{generation(stage)}")
    stage.run()
    assert there(stage) == {a, b}
    if then == "scaling":
        stage.set("spec.scaling", SCALED)
    else:
        ask_for(stage, then.format(generation(stage)))
    stage.run()
    assert there(stage) == {a, b}


def test_a_retry_of_another_revision_ends_no_return() -> None:
    stage, a, _ = returned()
    ask_for(stage, f"retry:deadbeef@{generation(stage)}")
    stage.run()
    assert stage.selected == a


def test_a_return_outlives_the_rendering_of_what_it_went_to() -> None:
    stage, a, _ = returned()
    stage.cluster.vanish(CONTROLLERREVISION, ("demo", a))
    stage.run()
    assert stage.selected == a


def test_a_return_outlives_the_label_of_the_service() -> None:
    stage, a, _ = returned()
    ask_for(stage, "")
    lost = with_field(stage.cluster.body(SERVICE, NAME), "metadata.labels", {})
    stage.cluster.vanish(SERVICE, NAME)
    stage.cluster.put(SERVICE, lost)
    stage.clock.forward(120)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "RolledBack"


def test_the_history_goes_on_to_tell_what_was_left() -> None:
    stage, _, b = returned()
    stage.set(COMMIT, C)
    stage.clock.forward(120)
    stage.run()
    history = stage.status["history"]
    (left,) = [each for each in history if b.endswith(each["revision"])]
    assert left["outcome"] == "RolledBack"


RETURN = "aaaaaaaa"


@pytest.mark.parametrize(
    ("kept", "is_read"),
    [
        ({}, True),
        ({"of a newer operator": 1}, True),
        ({"rollbackTo": ["aaaaaaaa"]}, False),
        ({"rollbackTo": "no revision"}, False),
        ({"generation": "1"}, False),
        ({"generation": True}, False),
        ({"generation": 9}, False),
        ({"request": "a" * 129}, False),
        ({"specDigest": None}, False),
    ],
)
def test_of_a_wish_is_read_what_can_be(kept: dict[str, Any], is_read: bool) -> None:
    body = {"metadata": {"generation": 3}, "spec": {"app": {}}}
    asked = replace(wish.current(body, None), generation=2, rollback=RETURN)
    found = wish.current(body, wish.read({**wish.fields(asked), **kept}))
    assert (found.rollback == RETURN) == is_read


@pytest.mark.parametrize("given", [[], 1, "{", None, {}])
def test_what_is_no_wish_is_none(given: object) -> None:
    assert wish.read(given) is None
