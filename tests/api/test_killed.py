"""An operator that is killed after any of its writes: another goes on, and all ends alike.

The API server and the operator are real; KubeRay and the app are the named fakes of `world`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cluster.control_plane import ControlPlane
from tests.api.killing import KillingProxy
from tests.api.operator_process import OperatorProcess, until
from tests.api.proxy import between
from tests.api.stories import STORIES, Story, Telling
from tests.api.world import SETTINGS, FakeApp, World, fake_app

MOST_WRITES = 40


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
        telling = Telling(self.world, self.app, story, f"killed-{self.number}")
        telling.begin()
        self._until_moved(telling)
        self.proxy.arm(kill_after, lambda: self.operator.pid)
        telling.turn()
        self._until_moved(telling)
        if kill_after is not None and len(self.proxy.writes) >= kill_after:  # times differ
            assert self.proxy.killed.is_set(), "it was never killed"
        return telling.ending()

    def _until_moved(self, telling: Telling) -> None:
        def moved() -> bool:
            if self.proxy.killed.is_set() and not self.operator.alive:
                self.operator.start()
            return telling.move()

        try:
            until(moved, f"the end of {telling.story} in {telling.namespace}", seconds=240)
        except AssertionError as late:
            state = f"{self.world.status(telling.namespace)}\n{self.operator.log[-4000:]}"
            raise AssertionError(f"{late}: {self.operator.alive=}\n{state}") from late


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("killed")
    with ControlPlane(folder / "plane") as control_plane:
        world = World(control_plane)
        world.install_ours()
        world.install_kuberay()
        with fake_app() as app, between(KillingProxy, control_plane, folder) as (proxy, kubeconfig):
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
