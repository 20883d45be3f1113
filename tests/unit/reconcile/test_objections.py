"""What older versions took makes no new revision; what serves with it goes on, with a warning."""

import re
from typing import Any

import pytest

from bastaix.api import v1alpha1
from bastaix.api.patterns import Pattern
from tests.unit.reconcile.stage import Stage, answering

PICTURE = {"path": "/v1/chat/completions", "body": {"image": "x" * 100_000}}
CHECK = "spec.app.check"
BAD = "A_b/../c"
NAMES = [
    ("spec.runtime.serviceAccountName", BAD),
    ("spec.runtime.runtimeClassName", BAD),
    ("spec.runtime.priorityClassName", BAD),
]
GATE = {"dataset": {"configMapRef": {"name": BAD, "key": "golden.jsonl"}}}
CASES = [(CHECK, PICTURE, "SpecTooLarge"), ("spec.rollout.gate", GATE, "InvalidSpec")]
ALL = [*CASES, *((field, name, "InvalidSpec") for field, name in NAMES)]


def stage_of(field: str, value: Any) -> Stage:
    return Stage(**{field.replace(".", "__"): value})


def demand_goes_on(stage: Stage, reason: str) -> None:
    assert stage.ready["status"] == "True"
    assert stage.condition("Serving")["status"] == "True"
    warning = stage.condition("Warning")
    assert (warning["status"], warning["reason"]) == ("True", reason)
    types = {condition["type"] for condition in stage.status["conditions"]}
    assert "Stalled" not in types


@pytest.mark.parametrize(("field", "value", "reason"), ALL)
def test_it_makes_no_new_revision(field: str, value: Any, reason: str) -> None:
    stage = stage_of(field, value)
    assert stage.run() is None
    assert stage.writes() == ["status ModelDeployment"]
    assert stage.ready["reason"] == reason
    assert field.removeprefix("spec.") in stage.ready["message"]
    assert BAD not in stage.ready["message"]
    assert stage.condition("Stalled")["status"] == "True"


@pytest.mark.parametrize(("field", "value", "reason"), CASES)
def test_what_is_no_part_of_a_revision_leaves_the_one_that_serves_as_it_is(
    field: str, value: Any, reason: str
) -> None:
    stage = answering()
    before = stage.rayservice["spec"]
    stage.set(field, value)
    stage.run()
    demand_goes_on(stage, reason)
    assert stage.rayservice["spec"] == before
    stage.reconciler = stage.restarted()  # as an upgrade does
    stage.run()
    demand_goes_on(stage, reason)


def test_a_check_that_is_too_large_goes_on_being_asked() -> None:
    stage = answering()
    stage.set(CHECK, PICTURE)
    stage.run()
    assert stage.probe.checks[-1].body == PICTURE["body"]
    stage.turn("worker", ready=False)
    stage.run()
    asked = len(stage.probe.checks)
    stage.turn("worker", ready=True)
    stage.run()
    assert [check.body for check in stage.probe.checks[asked:]] == [PICTURE["body"]]
    demand_goes_on(stage, "SpecTooLarge")


@pytest.mark.parametrize(("field", "name"), NAMES)
def test_what_serves_with_a_name_that_is_refused_today_is_repaired_and_scaled(
    field: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(v1alpha1, "OBJECT_NAME", Pattern(re.compile(".*"), 253, "anything"))
        stage = answering(**{field.replace(".", "__"): name})
    stage.run()
    demand_goes_on(stage, "InvalidSpec")
    stage.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6})
    stage.run()
    assert "max_replicas: 6" in stage.rayservice["spec"]["serveConfigV2"]
    assert stage.condition("Warning")["reason"] == "InvalidSpec"
