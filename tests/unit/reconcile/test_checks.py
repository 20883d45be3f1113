"""What serves is asked what it can answer, whatever the spec has come to ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from bastaix.api import names
from bastaix.api.check import Check
from bastaix.reconcile.cluster import Address, Answer
from bastaix.reconcile.kinds import Kind
from tests.unit.reconcile.evaluating import remember
from tests.unit.reconcile.fakes import FakeProbe
from tests.unit.reconcile.rollouts import FAILED, outcome, serves, there
from tests.unit.reconcile.stage import NAME, Stage, answering

WRONG = Answer("wrong", "POST answered 404, not 200")
MODEL = "spec.model.id"


@dataclass
class ByModel(FakeProbe):
    """Of apps of which each knows only the model of its own revision."""

    models: dict[str, str] = field(default_factory=dict)
    """By the Service through which an app is asked."""

    async def ask(self, check: Check, address: Address) -> Answer:
        answer = await super().ask(check, address)
        is_own = (check.body or {}).get("model") == self.models[address.service]
        return answer if is_own else WRONG


def serve(stage: Stage, rayservice: str, model: str, *, is_active: bool = False) -> None:
    assert isinstance(stage.probe, ByModel)
    own = names.candidate_service_name(NAME[1], rayservice.rpartition("-")[2])
    stage.probe.models |= {own: model, **({NAME[1]: model} if is_active else {})}


def upgraded() -> tuple[Stage, str, str]:
    """A serves and B, of another model, has failed; which check A answered is not remembered."""
    stage = answering()
    stage.clock.forward(3600)
    a = stage.rayservice["metadata"]["name"]
    stage.set(MODEL, "other")
    stage.run()
    (b,) = there(stage) - {a}
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    assert outcome(stage, b).failed
    remember(stage, a, check=None)
    stage.probe = ByModel()
    serve(stage, a, "smollm2", is_active=True)
    stage.reconciler = stage.restarted()
    stage.run()
    assert serves(stage)
    return stage, a, b


def restart_worker(stage: Stage, name: str) -> None:
    stage.turn("worker", ready=False, name=name)
    stage.run()
    assert not serves(stage)
    stage.turn("worker", ready=True, name=name)
    stage.run()


def test_what_served_before_an_upgrade_serves_again_when_its_worker_is_back() -> None:
    stage, a, _ = upgraded()
    restart_worker(stage, a)
    assert stage.selected == a
    assert serves(stage)
    assert (stage.probe.checks[-1].body or {})["model"] == "smollm2"


def test_of_one_whose_check_is_not_known_no_answer_is_wrong() -> None:
    """It may have passed by another one, as an app that is not of the LLM kind."""
    stage, a, _ = upgraded()
    stage.probe.answer = WRONG
    restart_worker(stage, a)
    assert serves(stage)


def test_a_revision_is_not_excused_by_one_beside_it_whose_check_is_not_known() -> None:
    stage, a, _ = upgraded()
    stage.take_down()
    stage.set(MODEL, "third")
    stage.run()
    (c,) = there(stage) - {a}
    serve(stage, c, "third", is_active=True)
    stage.bring_up(c)
    stage.run()
    assert stage.selected == c
    stage.probe.answer = WRONG
    for _ in range(3):
        stage.clock.forward(5)
        stage.run()
    assert len(stage.probe.candidates) > 1, "it was asked for comparison"
    assert stage.selected == a
    assert outcome(stage, c).outcome == "RolledBack"


def told_after_a_restart(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, str, str]]:
    """All that is said of Ready and Serving by an operator that remembers nothing."""
    said, apply_status = list[tuple[str, str, str]](), stage.cluster.apply_status

    async def heard(kind: Kind, manifest: Mapping[str, Any]) -> frozenset[str]:
        conditions = manifest["status"]["conditions"]
        found = [each for each in conditions if each["type"] in ("Ready", "Serving")]
        said.extend((each["type"], each["status"], each["reason"]) for each in found)
        return await apply_status(kind, manifest)

    monkeypatch.setattr(stage.cluster, "apply_status", heard)
    stage.reconciler = stage.restarted()
    stage.run()
    return said


def test_an_edit_of_the_scaling_while_nobody_led_makes_nothing_unready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = answering()
    stage.clock.forward(3600)
    stage.set("spec.scaling.maxReplicas", 7)
    said = told_after_a_restart(stage, monkeypatch)
    assert {status for _, status, _ in said} == {"True"}, said


def test_another_check_that_was_asked_for_while_nobody_led_is_to_be_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = answering()
    stage.clock.forward(3600)
    stage.set("spec.app.check", {"path": "/other"})
    said = told_after_a_restart(stage, monkeypatch)
    assert ("Ready", "False", "AwaitingAnswer") in said
    assert stage.probe.checks[-1].path == "/other"
