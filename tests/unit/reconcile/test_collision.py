"""Eight digits name a revision; all sixty-four decide whether it is the one that is meant."""

from typing import Any

from bastaix.reconcile.kinds import CONTROLLERREVISION
from tests.unit.reconcile.stage import Stage, answering

OTHER = "b" * 40


def kept(stage: Stage) -> list[dict[str, Any]]:
    return stage.listed(CONTROLLERREVISION)


def put_with(stage: Stage, revision: dict[str, Any], **data: Any) -> None:
    changed = {key: value for key, value in {**revision["data"], **data}.items() if value}
    stage.cluster.put(CONTROLLERREVISION, {**revision, "data": changed})


def test_another_spec_under_the_same_eight_digits_is_never_served() -> None:
    stage = Stage()
    stage.run()
    (rayservice,) = stage.rayservices
    (revision,) = kept(stage)
    stage = Stage()
    put_with(stage, revision, sha256=revision["metadata"]["name"][-8:] + "0" * 56)
    stage.run()
    assert stage.rayservices == []
    stalled = stage.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "RevisionCollision")
    assert "runtime.env" in stalled["message"]
    assert rayservice["metadata"]["name"][-8:] in stalled["message"]


def test_what_serves_goes_on_beside_a_collision() -> None:
    stage = answering()
    before = stage.selected
    other = Stage(spec__source__git__commit=OTHER)
    other.run()
    (revision,) = kept(other)
    put_with(stage, revision, sha256=revision["metadata"]["name"][-8:] + "0" * 56)
    stage.set("spec.source.git.commit", OTHER)
    stage.run()
    assert stage.ready["reason"] == "RevisionCollision"
    assert stage.condition("Serving")["status"] == "True"
    assert (stage.selected, len(stage.rayservices)) == (before, 1)


def test_a_revision_that_an_older_operator_kept_is_the_one_that_is_meant() -> None:
    stage = Stage()
    stage.run()
    (revision,) = kept(stage)
    stage = Stage()
    put_with(stage, revision, sha256=None, content=None)
    stage.run()
    assert [each["metadata"]["name"] for each in stage.rayservices] == [
        revision["metadata"]["name"]
    ]
