"""An operator that is killed after any of its writes: another goes on, and all ends alike.

The API server and the operator are real; KubeRay and the app are the named fakes of `world`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bastaix.reconcile import kinds
from bastaix.rollout.memory import recorded
from cluster.control_plane import ControlPlane
from tests.api.killing import KillingProxy, killing_proxy
from tests.api.operator_process import OperatorProcess, until
from tests.api.world import (
    SETTINGS,
    FakeApp,
    FakeJobs,
    FakeKubeRay,
    World,
    change,
    deploy,
    fake_app,
    modeldeployment,
    selected,
    source,
)

RAYSERVICE = kinds.RAYSERVICE
MOST_WRITES = 40


@dataclass(frozen=True)
class Story:
    rollout: dict[str, Any]
    end: str
    """The reason of Ready in the end."""
    fails: bool = False
    spoils: bool = False
    result: dict[str, Any] | None = None
    """How evaluations of the candidate end."""


QUICK = {"drainSeconds": 1, "bakeSeconds": 1}
GATE = {"gate": {"dataset": {"path": "evals/golden.jsonl"}}}
STORIES = {
    "evaluated": Story({**QUICK, **GATE}, "Ready", result={"outcome": "Passed"}),
    "too-bad": Story({**QUICK, **GATE}, "EvaluationFailed", result={"outcome": "Failed"}),
    "blue-green": Story(QUICK, "Ready"),
    "withdrawn": Story(QUICK, "ServeFailed", fails=True),
    "recreate": Story({**QUICK, "strategy": "Recreate"}, "Ready"),
    "recreate-and-back": Story({**QUICK, "strategy": "Recreate"}, "ServeFailed", fails=True),
    "turned-back": Story({"drainSeconds": 60, "bakeSeconds": 60}, "WrongAnswer", spoils=True),
}


@dataclass
class Stage:
    world: World
    app: FakeApp
    proxy: KillingProxy
    operator: OperatorProcess
    number: int = field(default=0)

    def tell(self, story: Story, kill_after: int | None) -> dict[str, Any]:
        """The whole story in a namespace of its own; how it ended."""
        self.number += 1
        namespace = self.world.namespace(f"killed-{self.number}")
        rollout = {key: value for key, value in story.rollout.items() if key != "gate"}
        deploy(self.world, modeldeployment(namespace, rollout=rollout))
        self._until(namespace, story, "", "Ready")
        first = selected(self.world, namespace)
        self.proxy.arm(kill_after, lambda: self.operator.pid)
        change(self.world, namespace, {"source": source("b" * 40), "rollout": story.rollout})
        self._until(namespace, story, first, story.end)
        if kill_after is not None and len(self.proxy.writes) >= kill_after:  # times differ
            assert self.proxy.killed.is_set(), "it was never killed"
        return self._ending(namespace)

    def _until(self, namespace: str, story: Story, first: str, reason: str) -> None:
        """Do the world's part until the end of the story is there, and nothing is left to go."""

        def ended() -> bool:
            if self.proxy.killed.is_set() and not self.operator.alive:
                self.operator.start()
            self._world_moves(namespace, story, first)
            generation = (self.world.get(kinds.MODELDEPLOYMENT, namespace, "echo") or {})[
                "metadata"
            ]["generation"]
            ready = self.world.ready(namespace)
            one = len(self.world.list(RAYSERVICE, namespace)) == 1 or story.spoils
            serving = self.world.condition("Serving", namespace).get("status") == "True"
            is_current = ready.get("observedGeneration") == generation
            return is_current and ready.get("reason") == reason and one and serving

        try:
            until(ended, f"{reason} in {namespace}", seconds=240)
        except AssertionError as late:
            state = f"{self.world.status(namespace)}\n{self.operator.log[-4000:]}"
            raise AssertionError(f"{late}: {self.operator.alive=}\n{state}") from late

    def _world_moves(self, namespace: str, story: Story, first: str) -> None:
        kuberay, there = FakeKubeRay(self.world), self.world.list(RAYSERVICE, namespace)
        names = {each["metadata"]["name"] for each in there}
        for cluster in self.world.list(kinds.RAYCLUSTER, namespace):
            owner = cluster["metadata"]["ownerReferences"][0]["name"]
            if owner not in names:
                kuberay.remove({"metadata": {"namespace": namespace, "name": owner}})
        for each in there:
            name = each["metadata"]["name"]
            if "activeServiceStatus" in (each.get("status") or {}):
                continue
            if story.fails and first not in ("", name):
                kuberay.fail(each, "KeyError: 1")
            else:
                kuberay.run(each)
        for job in self.world.list(kinds.JOB, namespace):
            if story.result is not None and "conditions" not in (job.get("status") or {}):
                FakeJobs(self.world).end(job, story.result)
        spoilt = f"{namespace}/echo"
        if story.spoils and first and selected(self.world, namespace) != first:
            self.app.broken.add(spoilt)
        else:
            self.app.broken.discard(spoilt)

    def _ending(self, namespace: str) -> dict[str, Any]:
        known = recorded(self.world.get(kinds.MODELDEPLOYMENT, namespace, "echo") or {})
        records = known.records if known is not None else {}
        status = self.world.status(namespace)
        return {
            "selected": selected(self.world, namespace),
            "outcomes": {hash: (each.outcome, each.reason) for hash, each in records.items()},
            "active": status["active"]["revision"],
            "stalled": self.world.condition("Stalled", namespace).get("reason"),
        }


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("killed")
    with ControlPlane(folder / "plane") as control_plane:
        world = World(control_plane)
        world.install_ours()
        world.install_kuberay()
        with fake_app() as app, killing_proxy(control_plane, folder) as (proxy, kubeconfig):
            option = f"--probe-url={app.url}"
            log = folder / "log"
            with OperatorProcess(kubeconfig, log, option, settings=SETTINGS) as operator:
                until(lambda: operator.page("/readyz")[0] == 200, "the operator is ready")
                yield Stage(world, app, proxy, operator)


def test_killed_right_after_the_promotion_another_goes_on(stage: Stage) -> None:
    story = STORIES["blue-green"]
    wanted = stage.tell(story, None)
    turns = [each for each in stage.proxy.writes if each.endswith("/services/echo")]
    promotion = stage.proxy.writes.index(turns[0]) + 1
    assert stage.tell(story, promotion) == wanted


@pytest.mark.long
@pytest.mark.parametrize("name", STORIES)
def test_killed_after_any_write_all_ends_alike(stage: Stage, name: str) -> None:
    story = STORIES[name]
    wanted = stage.tell(story, None)
    writes = len(stage.proxy.writes)
    assert 3 < writes < MOST_WRITES, stage.proxy.writes
    for number in range(1, writes + 1):
        assert stage.tell(story, number) == wanted, f"after write {number} of {writes}"
