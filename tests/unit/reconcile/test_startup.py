"""The start of a revision in the status, from the first look to the answer, and in the metrics."""

from pathlib import Path
from typing import Any

import yaml

from bastaix.api.conditions import timestamp
from bastaix.observe.startup import seconds
from bastaix.reconcile.cluster import Answer
from bastaix.reconcile.kinds import MODELDEPLOYMENT, RAYSERVICE
from bastaix.schema.structural import violations
from tests.unit.reconcile.fakes import START
from tests.unit.reconcile.rollouts import COMMIT, B
from tests.unit.reconcile.stage import NAME, Stage

WHOLE = {
    "source": 3.0,
    "schedule": 2.0,
    "image": 20.0,
    "ray": 10.0,
    "engine": 60.0,
    "firstAnswer": 0.0,
}


class Starting:
    """What happens to the Pods of the newest revision, each with the date of its happening."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seen: dict[str, dict[str, list[dict[str, Any]]]] = {"head": {}, "worker": {}}

    def scheduled(self) -> None:
        for role in self.seen:
            self._became(role, "PodScheduled")

    def pulled(self) -> None:
        """The first container of a worker waits for the head."""
        self._ran("head", "containerStatuses")
        self._ran("worker", "initContainerStatuses")

    def joined(self) -> None:
        self._became("head", "Ready")
        self._ran("worker", "containerStatuses")

    def ready(self) -> None:
        self._became("worker", "Ready")
        self.stage.say({"status": "RUNNING", "message": ""}, self._name)

    @property
    def _name(self) -> str:
        newest = self.stage.rayservices[-1]
        return str(newest["metadata"]["name"])

    def _became(self, role: str, type: str) -> None:
        date = timestamp(self.stage.clock())
        condition = {"type": type, "status": "True", "lastTransitionTime": date}
        self._add(role, "conditions", condition)

    def _ran(self, role: str, place: str) -> None:
        running = {"startedAt": timestamp(self.stage.clock())}
        self._add(role, place, {"name": "ray", "state": {"running": running}})

    def _add(self, role: str, place: str, each: dict[str, Any]) -> None:
        self.seen[role].setdefault(place, []).append(each)
        self.stage.make_pod(role, {"phase": "Running", **self.seen[role]}, self._name)


def start(stage: Stage) -> None:
    """Each phase of the newest revision takes its time; the operator looks after each."""
    pods = Starting(stage)
    for seconds_, step in (
        (WHOLE["schedule"], pods.scheduled),
        (WHOLE["image"], pods.pulled),
        (WHOLE["ray"], pods.joined),
        (WHOLE["engine"], pods.ready),
    ):
        stage.clock.forward(seconds_)
        step()
        stage.run()


def started() -> Stage:
    stage = Stage(checked=False)
    stage.run()
    stage.clock.forward(WHOLE["source"])
    stage.verify()
    stage.run()
    start(stage)
    assert stage.ready["status"] == "True"
    return stage


def test_the_status_tells_how_long_each_phase_took() -> None:
    startup = started().status["startup"]
    assert seconds(startup) == WHOLE
    assert startup["since"] == timestamp(START)


def test_while_the_source_is_fetched_a_revision_is_awaited() -> None:
    stage = Stage(checked=False)
    stage.run()
    assert stage.status["startup"] == {"pendingSince": timestamp(START)}


def test_time_alone_writes_nothing_of_a_start_under_way() -> None:
    stage = Stage()
    stage.run()
    stage.clock.forward(5)
    pods = Starting(stage)
    pods.scheduled()
    stage.run()
    stage.writes()
    stage.clock.forward(300)
    stage.run()
    assert stage.writes() == []


def test_a_start_is_counted_once_when_it_has_answered() -> None:
    stage = started()
    assert stage.notes.starts == [WHOLE]
    stage.clock.forward(100)
    stage.run()
    stage.reconciler = stage.restarted()
    stage.run()
    assert stage.notes.starts == [WHOLE]


def test_one_that_does_not_answer_is_not_counted() -> None:
    stage = Stage()
    stage.probe.answer = Answer("wrong", "GET answered 500")
    stage.run()
    start(stage)
    assert stage.ready["reason"] == "WrongAnswer"
    assert "firstAnswerSeconds" not in stage.status["startup"]
    assert stage.notes.starts == []
    stage.clock.forward(15)
    stage.probe.answer = Answer("right", "GET answered 200")
    stage.run()
    assert stage.status["startup"]["firstAnswerSeconds"] == 15
    assert len(stage.notes.starts) == 1


def test_what_one_operator_saw_begin_another_counts_at_its_end() -> None:
    stage = Stage()
    stage.run()
    stage.reconciler = stage.restarted()
    start(stage)
    assert len(stage.notes.starts) == 1


def test_a_status_that_was_wiped_is_told_again_and_not_counted_again() -> None:
    stage = started()
    before = stage.status["startup"]
    wiped = stage.cluster.body(MODELDEPLOYMENT, NAME)
    del wiped["status"]
    stage.cluster.put(MODELDEPLOYMENT, wiped)
    stage.reconciler = stage.restarted()
    stage.clock.forward(3600)
    stage.verify()
    stage.run()
    assert stage.status["startup"] == before
    assert stage.notes.starts == [WHOLE]


def test_the_next_revision_is_told_in_the_place_of_the_last() -> None:
    stage = started()
    stage.clock.forward(1000)
    applied = stage.clock()
    stage.set(COMMIT, B, checked=False)
    stage.run()
    assert stage.status["startup"]["pendingSince"] == timestamp(applied)
    assert seconds(stage.status["startup"]) == WHOLE
    stage.clock.forward(WHOLE["source"])
    stage.verify()
    stage.run()
    start(stage)
    startup = stage.status["startup"]
    assert startup["since"] == timestamp(applied)
    assert startup["revision"] == stage.status["active"]["revision"]
    assert seconds(startup) == WHOLE
    assert "pendingSince" not in startup
    assert stage.notes.starts == [WHOLE, WHOLE]


def test_a_rayservice_that_was_deleted_is_started_again_without_a_source_to_wait_for() -> None:
    stage = started()
    stage.clock.forward(1000)
    asked = stage.clock()
    stage.cluster.vanish(RAYSERVICE, ("demo", stage.rayservice["metadata"]["name"]))
    stage.take_down()
    stage.run()
    start(stage)
    startup = stage.status["startup"]
    assert stage.ready["status"] == "True"
    assert startup["since"] == timestamp(asked)
    assert seconds(startup) == {**WHOLE, "source": 0.0}
    assert stage.notes.starts == [WHOLE, {**WHOLE, "source": 0.0}]


def test_the_crd_has_every_field_of_it() -> None:
    """What the API server drops would be written again at each look."""
    crd = yaml.safe_load((Path(__file__).parents[3] / "crds/modeldeployments.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    found = {**started().status["startup"], "pendingSince": timestamp(START)}
    assert set(found) == set(schema["properties"]["startup"]["properties"])
    assert list(violations(schema["properties"]["startup"], found)) == []
