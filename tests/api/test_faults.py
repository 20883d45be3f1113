"""An API server that fails changes neither how a rollout ends nor what is said of what serves.

The API server and the operator are real, between them is the proxy of `faulty`; KubeRay and the
app are the named fakes of `world`. Each call of each story is swept over without a cluster in
`tests/unit/reconcile/test_faults.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from bastaix.api import reasons
from bastaix.reconcile import kinds
from cluster.control_plane import ControlPlane
from tests.api.faulty import CUTS, REFUSALS, TIME_OUTS, FaultyProxy, Plan
from tests.api.operator_process import OperatorProcess, until
from tests.api.proxy import between
from tests.api.stories import STORIES, Story, Telling
from tests.api.world import SETTINGS, FakeApp, World, fake_app
from tests.e2e.told import Told, told

CLEAN = "clean"
LEASE = {"BASTAIX_LEASE": "bastaix-system/bastaix"}
"""With one, as in the chart, no write waits for longer than the Lease holds."""


@dataclass
class Stage:
    world: World
    app: FakeApp
    proxy: FaultyProxy
    operator: OperatorProcess
    told: Told
    number: int = field(default=0)

    def tell(self, stories: Mapping[str, tuple[Story, Plan | None]]) -> dict[str, Telling]:
        """All at once, each with its faults; gives them as they have ended."""
        self.number += 1
        tellings = {
            name: Telling(self.world, self.app, story, f"{name}-{self.number}")
            for name, (story, _) in stories.items()
        }
        for telling in tellings.values():
            telling.begin()
        self._until_moved(tellings)
        for name, (_, plan) in stories.items():
            if plan is not None:
                self.proxy.plans[tellings[name].namespace] = plan
            tellings[name].turn()
        self._until_moved(tellings)
        return tellings

    def _until_moved(self, tellings: Mapping[str, Telling]) -> None:
        left = set(tellings)

        def moved() -> bool:
            left.difference_update({name for name in left if tellings[name].move()})
            return not left

        try:
            until(moved, "all stories come to their ends", seconds=300, every=0.3)
        except AssertionError as late:
            said = [f"{name}: {self.world.status(tellings[name].namespace)}" for name in left]
            log = self.operator.log[-4000:]
            raise AssertionError("\n".join((f"{late}: {sorted(left)}", *said, log))) from late

    def said(self, telling: Telling, type: str) -> list[dict[str, Any]]:
        """Each condition that was ever there since another commit was asked for, in order."""
        found: list[dict[str, Any]] = []
        for md in self.told.objects():
            metadata, status = md["metadata"], md.get("status") or {}
            if metadata["namespace"] == telling.namespace and metadata["generation"] > 1:
                found += [one for one in status.get("conditions") or () if one["type"] == type]
        return found

    def _is_told(self, telling: Telling) -> bool:
        """The watch has come to where the object is now."""
        now = self.world.get(kinds.MODELDEPLOYMENT, telling.namespace, "echo") or {}
        version = now["metadata"]["resourceVersion"]
        return any(md["metadata"]["resourceVersion"] == version for md in self.told.objects())

    def demand_alike(self, telling: Telling, clean: Telling) -> None:
        """Only what is said without faults is said, or that work goes on; it serves as without."""
        what = telling.namespace
        assert telling.ending() == clean.ending(), what
        until(lambda: self._is_told(telling), f"all of {what} is told")
        serving = words(self.said(telling, "Serving"))
        assert serving, "it was looked at"
        assert serving <= words(self.said(clean, "Serving")) | allowed(telling.story), what
        ready = self.said(telling, "Ready")
        new = words(ready) - words(self.said(clean, "Ready"))
        assert all(reasons.BY_NAME[reason].heals == "itself" for _, reason in new), f"{what}: {new}"
        if telling.story.end == "Ready":
            current = [one["status"] for one in ready if one["observedGeneration"] > 1]
            assert set(current[current.index("True") :]) == {"True"}, f"{what}: {current}"


def allowed(story: Story) -> set[tuple[str, str]]:
    """What else may be said of Serving: the truth, while what answers wrongly has the traffic."""
    return {("False", "NotAnswering")} if story.spoils else set()


def words(conditions: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["status"], one["reason"]) for one in conditions}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("faults")
    with ControlPlane(folder / "plane") as control_plane:
        world = World(control_plane)
        world.install_ours()
        world.install_kuberay()
        world.namespace("bastaix-system")
        with (
            fake_app() as app,
            between(FaultyProxy, control_plane, folder) as (proxy, kubeconfig),
            told(None, kubeconfig=world.kubeconfig) as statuses,
        ):
            option, log, settings = f"--probe-url={app.url}", folder / "log", {**SETTINGS, **LEASE}
            with OperatorProcess(kubeconfig, log, option, settings=settings) as operator:
                until(lambda: operator.page("/readyz")[0] == 200, "the operator is ready")
                yield Stage(world, app, proxy, operator, statuses)


def is_promotion(request: web.Request) -> bool:
    return request.method == "PATCH" and request.path.endswith("/services/echo")


def is_start_or_promotion(request: web.Request) -> bool:
    is_start = request.method == "PATCH" and "/rayservices/" in request.path
    return is_start or is_promotion(request)


def sweep(stage: Stage, story: Story, is_waited_out: Callable[[web.Request], bool]) -> int:
    """Each fault in a story of its own, beside one without; how many there were.

    Nobody waits a time-out out at each call: those that are meant are enough.
    """
    plans = {str(fault): Plan(fault) for fault in (*REFUSALS, *CUTS)}
    plans |= {str(fault): Plan(fault, is_waited_out) for fault in TIME_OUTS}
    logged = len(stage.operator.log)
    tellings = stage.tell({CLEAN: (story, None), **{name: (story, plans[name]) for name in plans}})
    clean = tellings.pop(CLEAN)
    if "strategy" not in story.rollout:
        not_true = {said for said in words(stage.said(clean, "Serving")) if said[0] != "True"}
        assert not_true <= allowed(story)
    for name, telling in tellings.items():
        stage.demand_alike(telling, clean)
        least = 1 if "time-out" in name else 6
        assert len(plans[name].failed) >= least, f"{name}: {plans[name].failed}"
    assert "Traceback" not in stage.operator.log[logged:]
    return sum(len(plan.failed) for plan in plans.values())


def test_faults_at_each_write_change_nothing_about_the_end_of_a_rollout(stage: Stage) -> None:
    print(f"{sweep(stage, STORIES['blue-green'], is_promotion)} faults")


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in STORIES if name != "blue-green"])
def test_faults_at_each_write_change_nothing_about_the_end(stage: Stage, name: str) -> None:
    print(f"{name}: {sweep(stage, STORIES[name], is_start_or_promotion)} faults")


def spoil(stage: Stage, stories: Mapping[str, Story], seed: int) -> None:
    clean = {f"{CLEAN}-{name}": (story, None) for name, story in stories.items()}
    alike = stage.tell(clean)
    stage.proxy.moods = Random(seed)
    try:
        tellings = stage.tell({name: (story, None) for name, story in stories.items()})
    finally:
        stage.proxy.moods = None
    for name, telling in tellings.items():
        stage.demand_alike(telling, alike[f"{CLEAN}-{name}"])
    print(f"seed {seed}: {dict(stage.proxy.spoilt)}")


def test_watches_that_break_repeat_and_lose_change_nothing_about_the_end(stage: Stage) -> None:
    spoil(stage, {"blue-green": STORIES["blue-green"]}, 1)
    assert len(stage.proxy.spoilt) >= 3


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_watches_that_break_change_nothing_about_the_end_of_any(stage: Stage, seed: int) -> None:
    spoil(stage, STORIES, seed)
