"""A spec that is too large makes no new revision; one that serves with it goes on."""

import asyncio
from typing import Any

import pytest

from bastaix.api import sizes
from bastaix.reconcile.kinds import (
    CONTROLLERREVISION,
    MODELDEPLOYMENT,
    RAYCLUSTER,
    RAYSERVICE,
    Kind,
)
from tests.unit.reconcile.stage import NAME, Stage, answering

LARGE = {"prompt": "x" * 100_000}
ARGS = "spec.app.args"


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """It answered with such a spec before there was a limit."""
    with monkeypatch.context() as before:
        before.setattr(sizes, "MOST_FREE_BYTES", 10**9)
        return answering(spec__app__args=LARGE)


def test_nothing_is_rendered_of_a_spec_that_is_too_large() -> None:
    stage = Stage(spec__app__args=LARGE)
    assert stage.run() is None
    assert stage.writes() == ["status ModelDeployment"]
    assert stage.ready["reason"] == "SpecTooLarge"
    assert "the limit is 65,536 bytes" in stage.ready["message"]
    assert stage.condition("Stalled")["status"] == "True"
    stage.run()
    assert stage.writes() == []


def test_what_is_active_goes_on_beside_a_spec_that_is_too_large() -> None:
    stage = answering()
    stage.set(ARGS, LARGE)
    stage.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6})
    stage.run()
    assert stage.ready["reason"] == "SpecTooLarge"
    assert stage.condition("Serving")["status"] == "True"
    (cluster,) = asyncio.run(stage.cluster.owned(RAYCLUSTER, NAME))
    assert cluster["spec"]["workerGroupSpecs"][0]["maxReplicas"] == 6
    assert "x" * 1000 not in stage.rayservice["spec"]["serveConfigV2"]


def test_what_served_before_the_limit_stays_ready_with_one_warning(serving: Stage) -> None:
    before = serving.rayservice["spec"]
    serving.run()
    assert serving.ready["status"] == "True"
    assert serving.condition("Serving")["status"] == "True"
    warning = serving.condition("Warning")
    assert (warning["status"], warning["reason"]) == ("True", "SpecTooLarge")
    assert serving.rayservice["spec"] == before
    serving.writes()
    serving.run()
    assert serving.writes() == []


def test_what_served_before_the_limit_is_scaled_and_made_again(serving: Stage) -> None:
    serving.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6})
    serving.run()
    assert "max_replicas: 6" in serving.rayservice["spec"]["serveConfigV2"]
    assert "x" * 100_000 in serving.rayservice["spec"]["serveConfigV2"]
    name = serving.rayservice["metadata"]["name"]
    serving.cluster.vanish(RAYSERVICE, ("demo", name))
    serving.take_down()
    serving.run()
    assert serving.rayservice["metadata"]["name"] == name
    assert "x" * 100_000 in serving.rayservice["spec"]["serveConfigV2"]


def test_the_warning_goes_with_its_cause(serving: Stage) -> None:
    serving.run()
    small: dict[str, Any] = {}
    serving.set(ARGS, small)
    serving.run()
    assert not [each for each in serving.status["conditions"] if each["type"] == "Warning"]
    kept = asyncio.run(serving.cluster.owned(CONTROLLERREVISION, NAME))
    assert len(kept) == 2


def stubbed(stage: Stage, kind: Kind, **fields: Any) -> None:
    """Of an object that somebody has made too large there is what is small."""
    (found,) = stage.listed(kind)
    small = {"metadata": found["metadata"], sizes.PACKED: "", "spec": {}, **fields}
    stage.cluster.put(kind, small)


def test_a_status_that_is_too_large_to_be_read_is_not_replaced_by_less() -> None:
    stage = answering()
    stage.writes()
    stubbed(stage, MODELDEPLOYMENT, status=None)
    assert stage.run() is None
    assert stage.writes() == []


def test_a_rayservice_of_ours_that_is_too_large_is_not_applied_again_and_again() -> None:
    stage = answering()
    stage.run()
    stage.writes()
    stubbed(stage, RAYSERVICE, status=stage.rayservice["status"])
    stage.run()
    assert "apply RayService" not in stage.writes()
    assert stage.condition("Serving")["status"] == "True"


def test_a_rendering_that_is_too_large_to_be_read_is_said_and_what_serves_goes_on() -> None:
    stage = answering()
    stubbed(stage, CONTROLLERREVISION, data={"commit": "a" * 40})
    stage.run()
    assert stage.ready["reason"] == "SpecTooLarge"
    assert stage.condition("Serving")["status"] == "True"
    assert not [write for write in stage.writes() if write.startswith("delete")]
