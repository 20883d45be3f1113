"""Work that never comes to an end is slowed down and said."""

import copy
from collections.abc import Mapping
from typing import Any

from bastaix.reconcile.kinds import SERVICE, Kind
from bastaix.reconcile.reconciler import LONGEST_PAUSE_SECONDS, PATIENT_LAPS, PAUSE_SECONDS
from bastaix.rollout.watch import SETTLE_SECONDS
from tests.unit.reconcile.fakes import FakeCluster
from tests.unit.reconcile.rollouts import serves, with_candidate
from tests.unit.reconcile.stage import NAME, Stage


class Reverting(FakeCluster):
    """Has a policy that changes the selector of the Service back while it is on."""

    is_on = True

    async def apply(
        self, kind: Kind, manifest: Mapping[str, Any], *, rehearsal: bool = False
    ) -> None:
        before = copy.deepcopy(self.body(SERVICE, NAME)["spec"])
        await super().apply(kind, manifest, rehearsal=rehearsal)
        if kind == SERVICE and self.is_on:
            self.put(kind, {**self.body(kind, NAME), "spec": before})


def reverting() -> tuple[Stage, Reverting, str]:
    """B, whose name is given, is to be promoted from A."""
    stage, _, b = with_candidate()
    cluster = Reverting(stage.clock)
    cluster.__dict__.update(stage.cluster.__dict__)
    stage.cluster = cluster
    stage.reconciler = stage.restarted()
    stage.bring_up(b)
    return stage, cluster, b


def test_a_policy_that_undoes_each_write_slows_down_and_is_named() -> None:
    stage, _, _ = reverting()
    pauses = [stage.run() for _ in range(PATIENT_LAPS + 8)]
    assert pauses[: PATIENT_LAPS - 1] == [PAUSE_SECONDS] * (PATIENT_LAPS - 1)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert stage.ready["reason"] == "NotConverging"
    assert "Service smollm2" in stage.ready["message"]


def test_what_answers_serves_while_somebody_turns_the_service_away() -> None:
    stage, _, _ = reverting()
    for _ in range(PATIENT_LAPS + 2):
        stage.run()
        assert serves(stage)
        stage.clock.forward(SETTLE_SECONDS)


def test_it_goes_on_when_the_policy_is_gone() -> None:
    stage, cluster, b = reverting()
    for _ in range(PATIENT_LAPS):
        stage.run()
    cluster.is_on = False
    stage.run()
    assert stage.selected == b
    assert stage.ready["status"] == "True"
