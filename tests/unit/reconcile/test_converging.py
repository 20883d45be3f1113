"""Work that never comes to an end is slowed down and said."""

from collections.abc import Mapping
from typing import Any

from bastaix.reconcile.kinds import MODELDEPLOYMENT, SERVICE, Kind
from bastaix.reconcile.reconciler import LONGEST_PAUSE_SECONDS, PATIENT_LAPS, PAUSE_SECONDS
from tests.unit.reconcile.fakes import FakeCluster
from tests.unit.reconcile.stage import NAME, Stage, answering


class Stripping(FakeCluster):
    """Has a policy that takes all annotations from Services while it is on."""

    is_on = True

    async def apply(
        self, kind: Kind, manifest: Mapping[str, Any], *, rehearsal: bool = False
    ) -> None:
        await super().apply(kind, manifest, rehearsal=rehearsal)
        if kind == SERVICE and self.is_on and not rehearsal:
            stripped = self.body(kind, NAME)
            stripped["metadata"].pop("annotations", None)
            self.put(kind, stripped)


def stripping() -> tuple[Stage, Stripping]:
    stage = answering()
    cluster = Stripping(stage.clock)
    cluster.__dict__.update(stage.cluster.__dict__)
    stage.cluster = cluster
    stage.reconciler = stage.restarted()
    service = cluster.body(SERVICE, NAME)
    service["metadata"].pop("annotations")
    cluster.put(SERVICE, service)
    return stage, cluster


def test_a_policy_that_undoes_each_write_slows_down_and_is_named() -> None:
    stage, _ = stripping()
    pauses = [stage.run() for _ in range(PATIENT_LAPS + 8)]
    assert pauses[: PATIENT_LAPS - 1] == [PAUSE_SECONDS] * (PATIENT_LAPS - 1)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert stage.ready["reason"] == "NotConverging"
    assert "Service smollm2" in stage.ready["message"]
    assert stage.condition("Serving")["status"] == "True"


def test_the_status_goes_on_meanwhile() -> None:
    stage, _ = stripping()
    stage.set("spec.scaling.maxReplicas", 7)
    stage.run()
    generation = stage.cluster.body(MODELDEPLOYMENT, NAME)["metadata"]["generation"]
    assert stage.status["observedGeneration"] == generation


def test_it_goes_on_when_the_policy_is_gone() -> None:
    stage, cluster = stripping()
    for _ in range(PATIENT_LAPS):
        stage.run()
    cluster.is_on = False
    stage.run()
    assert stage.ready["status"] == "True"
    assert stage.run() is None
