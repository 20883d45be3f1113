"""Rollouts on a real API server: KubeRay and the app are named fakes, the operator is real."""

from typing import Any

import pytest

from bastaix.api import names
from bastaix.reconcile import kinds
from bastaix.rollout.memory import recorded
from tests.api.operator_process import OperatorProcess, until
from tests.api.world import (
    EVENT,
    FakeApp,
    FakeJobs,
    FakeKubeRay,
    World,
    change,
    deploy,
    modeldeployment,
    only,
    other,
    selected,
    source,
)

Object = dict[str, Any]
RAYSERVICE, CONTROLLERREVISION = kinds.RAYSERVICE, kinds.CONTROLLERREVISION
QUICK = {"drainSeconds": 2, "bakeSeconds": 2}

pytestmark = pytest.mark.usefixtures("operator")


def answering(world: World, namespace: str, **rollout: Any) -> Object:
    """Revision A has the traffic; gives its RayService."""
    deploy(world, modeldeployment(namespace, rollout={**QUICK, **rollout}))
    a = only(world, RAYSERVICE, namespace)
    FakeKubeRay(world).run(a)
    until(lambda: world.ready(namespace).get("status") == "True", "A is ready")
    return a


def changed(world: World, namespace: str, commit: str = "b" * 40) -> None:
    change(world, namespace, {"source": source(commit)})


def name_of(rayservice: Object) -> str:
    return str(rayservice["metadata"]["name"])


def listed(world: World, namespace: str) -> set[str]:
    return {name_of(each) for each in world.list(RAYSERVICE, namespace)}


def events(world: World, namespace: str) -> list[str]:
    found = sorted(world.list(EVENT, namespace), key=lambda each: str(each["eventTime"]))
    return [each["reason"] for each in found]


def ask_for(world: World, namespace: str, verb: str) -> None:
    body = world.get(kinds.MODELDEPLOYMENT, namespace, "echo") or {}
    text = f"{verb}@{body['metadata']['generation']}"
    patch = {"metadata": {"annotations": {names.REQUEST_ANNOTATION: text}}}
    world.merge(kinds.MODELDEPLOYMENT, namespace, "echo", patch)


def test_b_takes_the_traffic_over_and_a_goes_when_it_is_drained(
    world: World, namespace: str
) -> None:
    a = answering(world, namespace)
    changed(world, namespace)
    b = other(world, namespace, a)
    assert selected(world, namespace) == name_of(a)
    assert world.condition("Serving", namespace)["status"] == "True"
    FakeKubeRay(world).run(b)
    until(lambda: selected(world, namespace) == name_of(b), "B has the traffic")
    until(lambda: world.ready(namespace)["status"] == "True", "B is ready")
    until(lambda: listed(world, namespace) == {name_of(b)}, "A is gone")
    status = world.status(namespace)
    assert status["active"]["commit"] == "b" * 40
    outcomes = [(each["commit"], each["outcome"]) for each in status["history"]]
    assert outcomes == [("b" * 40, "Promoted"), ("a" * 40, "Promoted")]
    assert len(world.list(CONTROLLERREVISION, namespace)) == 2
    assert events(world, namespace).count("Promoted") == 2


def test_a_b_that_serve_gives_up_is_withdrawn_and_remembered(world: World, namespace: str) -> None:
    a = answering(world, namespace)
    changed(world, namespace)
    b = other(world, namespace, a)
    FakeKubeRay(world).fail(b, "ImportError: no x")
    until(lambda: listed(world, namespace) == {name_of(a)}, "B is gone")
    FakeKubeRay(world).remove(b)
    until(lambda: world.ready(namespace)["reason"] == "ServeFailed", "it says so")
    assert world.condition("Stalled", namespace)["status"] == "True"
    assert world.condition("Serving", namespace)["status"] == "True"
    assert selected(world, namespace) == name_of(a)
    known = recorded(world.get(kinds.MODELDEPLOYMENT, namespace, "echo") or {})
    assert known is not None
    assert known.records[name_of(b).rpartition("-")[2]].outcome == "Failed"
    ask_for(world, namespace, "retry")
    again = other(world, namespace, a, b)
    assert name_of(again) == name_of(b)


def test_going_back_to_a_in_the_middle_removes_b_and_restarts_nothing(
    world: World, namespace: str
) -> None:
    a = answering(world, namespace)
    changed(world, namespace)
    other(world, namespace, a)
    changed(world, namespace, "a" * 40)
    until(lambda: listed(world, namespace) == {name_of(a)}, "B is gone")
    until(lambda: world.ready(namespace)["status"] == "True", "A is ready as before")
    now = only(world, RAYSERVICE, namespace)
    assert now["metadata"]["uid"] == a["metadata"]["uid"]
    assert now["metadata"]["generation"] == a["metadata"]["generation"]


def test_three_wrong_answers_after_the_promotion_bring_a_back(
    world: World, app: FakeApp, namespace: str
) -> None:
    a = answering(world, namespace, bakeSeconds=120, drainSeconds=120)
    changed(world, namespace)
    b = other(world, namespace, a)
    app.broken.add(f"{namespace}/echo")
    try:
        FakeKubeRay(world).run(b)
        until(lambda: selected(world, namespace) == name_of(b), "B has the traffic")
        until(lambda: selected(world, namespace) == name_of(a), "A has it back")
    finally:
        app.broken.clear()
    until(lambda: world.condition("Serving", namespace)["status"] == "True", "A serves")
    assert world.ready(namespace)["reason"] == "WrongAnswer"
    assert world.condition("Stalled", namespace)["status"] == "True"


def evaluation_of(world: World, namespace: str, rayservice: Object) -> Object:
    name = f"{name_of(rayservice)}-eval"
    until(lambda: world.get(kinds.JOB, namespace, name), f"Job {name}")
    return world.get(kinds.JOB, namespace, name) or {}


def test_a_b_whose_answers_are_bad_gets_no_traffic_and_one_whose_are_good_does(
    world: World, namespace: str
) -> None:
    a = answering(world, namespace)
    gate = {"dataset": {"configMapRef": {"name": "golden", "key": "golden.jsonl"}}}
    change(world, namespace, {"source": source("b" * 40), "rollout": {**QUICK, "gate": gate}})
    b = other(world, namespace, a)
    FakeKubeRay(world).run(b)
    bad = {"outcome": "Failed", "message": "pass rate 0 is too low", "failed": ["italy"]}
    first = evaluation_of(world, namespace, b)
    FakeJobs(world).end(first, bad)
    until(lambda: listed(world, namespace) == {name_of(a)}, "B is gone")
    FakeKubeRay(world).remove(b)
    until(lambda: world.ready(namespace)["reason"] == "EvaluationFailed", "it says so")
    assert "(italy)" in world.ready(namespace)["message"]
    assert world.condition("Serving", namespace)["status"] == "True"
    assert selected(world, namespace) == name_of(a)
    ask_for(world, namespace, "retry")
    again = other(world, namespace, a)
    FakeKubeRay(world).run(again)
    second = evaluation_of(world, namespace, again)

    def anew() -> bool:
        found = world.get(kinds.JOB, namespace, first["metadata"]["name"]) or second
        return bool(found["metadata"]["uid"] != first["metadata"]["uid"])

    until(anew, "the evaluation is made anew")
    FakeJobs(world).remove(first)
    good = {"outcome": "Passed", "message": "pass rate 1", "passRate": 1.0}
    FakeJobs(world).end(evaluation_of(world, namespace, again), good)
    until(lambda: selected(world, namespace) == name_of(b), "B has the traffic")
    passed = {"outcome": "Passed", "passRate": 1.0}
    until(
        lambda: world.status(namespace)["history"][0].get("evaluation") == passed,
        "the status tells of the evaluation",
    )


def test_a_pause_waits_for_a_word(world: World, namespace: str) -> None:
    a = answering(world, namespace, pauseBeforePromotion=True)
    changed(world, namespace)
    b = other(world, namespace, a)
    FakeKubeRay(world).run(b)
    until(lambda: world.ready(namespace)["reason"] == "Paused", "it waits")
    assert selected(world, namespace) == name_of(a)
    ask_for(world, namespace, "promote")
    until(lambda: selected(world, namespace) == name_of(b), "B has the traffic")


def test_recreate_makes_room_first_and_a_failure_brings_a_back(
    world: World, namespace: str
) -> None:
    a = answering(world, namespace, strategy="Recreate")
    kuberay = FakeKubeRay(world)
    changed(world, namespace)
    until(lambda: not world.list(RAYSERVICE, namespace), "A is gone")
    until(
        lambda: "nothing serves meanwhile" in world.ready(namespace)["message"], "it says the cost"
    )
    kuberay.remove(a)
    b = only(world, RAYSERVICE, namespace)
    kuberay.fail(b, "KeyError: 1")
    until(lambda: not world.list(RAYSERVICE, namespace), "B is gone")
    kuberay.remove(b)
    back = only(world, RAYSERVICE, namespace)
    assert name_of(back) == name_of(a)
    kuberay.run(back)
    until(lambda: world.condition("Serving", namespace)["status"] == "True", "A serves")
    assert world.ready(namespace)["reason"] == "ServeFailed"


def test_a_rollback_that_is_asked_for_returns_to_a(
    world: World, namespace: str, operator: OperatorProcess
) -> None:
    a = answering(world, namespace)
    changed(world, namespace)
    b = other(world, namespace, a)
    FakeKubeRay(world).run(b)
    until(lambda: listed(world, namespace) == {name_of(b)}, "A is gone")
    FakeKubeRay(world).remove(a)
    ask_for(world, namespace, "rollback")
    back = other(world, namespace, a, b)
    assert name_of(back) == name_of(a)
    FakeKubeRay(world).run(back)
    until(lambda: selected(world, namespace) == name_of(a), "A has the traffic")
    until(lambda: world.ready(namespace)["reason"] == "RolledBack", "it says so")
    assert "Traceback" not in operator.log
