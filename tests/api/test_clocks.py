"""An operator whose own clock is hours off decides as one whose clock is right.

Deadlines, bakes and drains are measured by the API server's clock, which made the objects.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bastaix.reconcile import kinds
from tests.api.operator_process import OperatorProcess, until
from tests.api.world import (
    SETTINGS,
    FakeApp,
    FakeKubeRay,
    Object,
    World,
    change,
    deploy,
    modeldeployment,
    only,
    other,
    selected,
    source,
)

SKEWED = Path(__file__).parent / "skewed"
HOURS = (-2, 2)
BAKE_SECONDS, DEADLINE_SECONDS = 8, 12
PATIENCE = 30
"""Seconds by which a busy machine may be late, and no clock that is hours off can."""
STEADY = {"rollout": {"bakeSeconds": BAKE_SECONDS, "drainSeconds": 1}}
HURRIED = {"rollout": {"progressDeadlineSeconds": DEADLINE_SECONDS}}


@dataclass
class Model:
    """In a namespace of its own; what it was made of before and is made of since a change."""

    world: World
    namespace: str
    before: Object = field(default_factory=dict)
    after: Object = field(default_factory=dict)

    def start(self, spec: Object) -> None:
        deploy(self.world, modeldeployment(self.namespace, **spec))
        self.before = only(self.world, kinds.RAYSERVICE, self.namespace)
        FakeKubeRay(self.world).run(self.before)

    def turn(self) -> None:
        change(self.world, self.namespace, {"source": source("b" * 40)})
        self.after = other(self.world, self.namespace, self.before)

    @property
    def is_ready(self) -> bool:
        return self.world.ready(self.namespace).get("status") == "True"

    @property
    def there(self) -> set[str]:
        listed = self.world.list(kinds.RAYSERVICE, self.namespace)
        return {each["metadata"]["name"] for each in listed}

    @property
    def is_turned(self) -> bool:
        return selected(self.world, self.namespace) == self.after["metadata"]["name"]

    def ended(self, outcome: str) -> datetime | None:
        """When the status says that the newer one came to this end."""
        revision = self.after["metadata"]["name"].rpartition("-")[2]
        for entry in self.world.status(self.namespace).get("history") or ():
            if (entry["revision"], entry["outcome"]) == (revision, outcome):
                return moment(entry["at"])
        return None


@dataclass(frozen=True)
class Skewed:
    """An operator, and two models that no other one looks after."""

    steady: Model
    hurried: Model


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def skewed(world: World, app: FakeApp, tmp_path: Path) -> Iterator[list[Skewed]]:
    """With each of the clocks, side by side."""
    with ExitStack() as stack:
        found = []
        for hours in HOURS:
            names = [world.namespace(f"{part}-{hours % 24}") for part in ("steady", "hurried")]
            settings = {
                **SETTINGS,
                "BASTAIX_NAMESPACES": ",".join(names),
                "PYTHONPATH": str(SKEWED),
                "SKEW_SECONDS": str(hours * 3600),
            }
            option, log = f"--probe-url={app.url}", tmp_path / f"log-{hours % 24}"
            operator = OperatorProcess(world.kubeconfig, log, option, settings=settings)
            stack.enter_context(operator)
            until(lambda one=operator: one.page("/readyz")[0] == 200, "the operator is ready")  # type: ignore[misc]
            logged = datetime.strptime(operator.log[:19], "%Y-%m-%d %H:%M:%S")
            off = logged - datetime.now() - timedelta(hours=hours)
            assert abs(off) < timedelta(minutes=10), "it has another clock"
            found.append(Skewed(*(Model(world, name) for name in names)))
        yield found


def test_a_clock_that_is_hours_off_changes_no_deadline_bake_or_drain(
    skewed: list[Skewed],
) -> None:
    steady = [each.steady for each in skewed]
    hurried = [each.hurried for each in skewed]
    for model, spec in (*((one, STEADY) for one in steady), *((one, HURRIED) for one in hurried)):
        model.start(spec)
    until(lambda: all(model.is_ready for model in (*steady, *hurried)), "all are ready")
    for model in (*steady, *hurried):
        model.turn()
    for model in steady:
        FakeKubeRay(model.world).run(model.after)
    until(lambda: all(model.is_turned for model in steady), "the traffic is turned")
    gone = {model.namespace: datetime.max.replace(tzinfo=UTC) for model in steady}

    def all_over() -> bool:
        for model in steady:
            if len(model.there) == 1:
                gone[model.namespace] = min(gone[model.namespace], datetime.now(UTC))
        return max(gone.values()).year < 9999 and all(one.ended("Failed") for one in hurried)

    until(all_over, "the bake and the deadline are over", seconds=90, every=0.2)
    for model in steady:
        turned = model.ended("Promoted")
        assert turned is not None
        took = (gone[model.namespace] - turned).total_seconds()
        assert BAKE_SECONDS <= took < BAKE_SECONDS + PATIENCE, f"{model.namespace}: {took}"
        assert model.is_ready
    for model in hurried:
        failed, began = model.ended("Failed"), model.after["metadata"]["creationTimestamp"]
        assert failed is not None
        took = (failed - moment(began)).total_seconds()
        assert DEADLINE_SECONDS <= took < DEADLINE_SECONDS + PATIENCE, f"{model.namespace}: {took}"
        assert not model.is_turned
        assert model.world.condition("Serving", model.namespace)["status"] == "True"
