"""An operator that is newer than its CRD, on a real API server: the status goes on.

A schema without `status.rollout`, where the operator keeps what it remembers, is the one of an
earlier version, out of the repository's own history; what serves was made by that version's own
operator. So it is after an upgrade of the chart with `crds.enabled=false`.
"""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from bastaix.reconcile import kinds
from cluster.control_plane import ControlPlane
from tests.api.operator_process import OperatorProcess, until
from tests.api.world import (
    CRDS,
    SETTINGS,
    FakeApp,
    FakeKubeRay,
    Object,
    World,
    change,
    deploy,
    fake_app,
    modeldeployment,
    only,
    other,
    selected,
    source,
)
from tests.upgrade.older import VERSIONS, extract

PATHS = (("startup",), ("active", "since"))
"""Fields of the status that the older CRD lacks."""

_numbers = itertools.count()


def older(crd: dict[str, object]) -> dict[str, object]:
    found = copy.deepcopy(crd)
    (version,) = found["spec"]["versions"]  # type: ignore[index]
    for path in PATHS:
        schema = version["schema"]["openAPIV3Schema"]["properties"]["status"]
        for name in path[:-1]:
            schema = schema["properties"][name]
        del schema["properties"][path[-1]]
        schema.get("required", []).clear()
    return found


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, FakeApp]]:
    with ControlPlane(tmp_path_factory.mktemp("plane")) as control_plane, fake_app() as app:
        world = World(control_plane)
        world.install_kuberay()
        yield world, app


def test_a_status_goes_on_without_what_an_older_crd_lacks(
    parts: tuple[World, FakeApp], tmp_path: Path
) -> None:
    world, app = parts
    crd = yaml.safe_load((CRDS / "modeldeployments.yaml").read_text())
    world.install(older(crd))
    namespace, option = world.namespace("older"), f"--probe-url={app.url}"
    with OperatorProcess(world.kubeconfig, tmp_path / "log", option, settings=SETTINGS) as operator:
        until(lambda: operator.page("/readyz")[0] == 200, "the operator is ready")
        deploy(world, modeldeployment(namespace))
        until(lambda: bool(world.list(kinds.RAYSERVICE, namespace)), "a RayService is there")
        FakeKubeRay(world).run(world.list(kinds.RAYSERVICE, namespace)[0])
        until(lambda: world.ready(namespace).get("status") == "True", "it is Ready")
        status = world.status(namespace)
        assert "startup" not in status
        assert "revision" in status["active"]
        code, page = operator.page("/readyz")
        assert code == 200
        assert "status.startup is left out" in page
        assert operator.metric("bastaix_status_fields_omitted") >= 1
        assert operator.log.count("the CRD is older than this process") <= len(PATHS)


@dataclass(frozen=True)
class Outdated:
    """A model of an earlier version, its CRD included, beside this version's operator."""

    world: World
    namespace: str
    active: Object
    """RayService that serves since that version."""

    @property
    def rayservices(self) -> set[str]:
        listed = self.world.list(kinds.RAYSERVICE, self.namespace)
        return {each["metadata"]["uid"] for each in listed}

    @property
    def serves(self) -> bool:
        """The same RayService has the traffic, and nobody says anything else of it."""
        uid = self.active["metadata"]["uid"]
        is_led_to = selected(self.world, self.namespace) == self.active["metadata"]["name"]
        serving = self.world.condition("Serving", self.namespace)
        return uid in self.rayservices and is_led_to and serving["status"] == "True"

    def await_reason(self, reason: str) -> Object:
        def is_said() -> bool:
            found = self.world.get(kinds.MODELDEPLOYMENT, self.namespace, "echo") or {}
            ready = self.world.ready(self.namespace)
            is_current = ready.get("observedGeneration") == found["metadata"]["generation"]
            return is_current and ready["reason"] == reason

        until(is_said, f"Ready says {reason}", seconds=120)
        return self.world.ready(self.namespace)


@dataclass(frozen=True)
class Left:
    """What an earlier version's operator left."""

    steady: Outdated
    trying: Outdated
    candidate: Object
    """RayService of the second one, that has not answered yet."""


def started(world: World, name: str) -> Outdated:
    namespace = world.namespace(name)
    rollout = {"drainSeconds": 1, "bakeSeconds": 1}
    deploy(world, modeldeployment(namespace, rollout=rollout))
    rayservice = only(world, kinds.RAYSERVICE, namespace)
    FakeKubeRay(world).run(rayservice)
    until(lambda: world.ready(namespace).get("status") == "True", "it is Ready")
    return Outdated(world, namespace, rayservice)


@pytest.fixture
def left(parts: tuple[World, FakeApp], tmp_path: Path) -> Iterator[Left]:
    """This version's operator is there, and the earlier one is not any more."""
    world, app = parts
    extract(VERSIONS[0], tmp_path, ("operator", "crds"))
    crd = yaml.safe_load((tmp_path / "crds/modeldeployments.yaml").read_text())
    (version,) = crd["spec"]["versions"]
    assert "rollout" not in version["schema"]["openAPIV3Schema"]["properties"]["status"]
    world.install(crd)
    option, log, number = f"--probe-url={app.url}", tmp_path / "log", next(_numbers)
    settings = {**SETTINGS, "PYTHONPATH": str(tmp_path / "operator")}
    with OperatorProcess(world.kubeconfig, tmp_path / "earlier", option, settings=settings) as old:
        until(lambda: old.page("/readyz")[0] == 200, "the earlier operator is ready")
        assert "bastaix_leader" not in old.page("/metrics")[1], "it is no earlier one"
        found = started(world, f"steady-{number}"), started(world, f"trying-{number}")
        steady, trying = found
        change(world, trying.namespace, {"source": source("b" * 40)})
        candidate = other(world, trying.namespace, trying.active)
    with OperatorProcess(world.kubeconfig, log, option, settings=SETTINGS) as operator:
        until(lambda: operator.page("/readyz")[0] == 200, "the operator is ready")
        yield Left(steady, trying, candidate)
        assert "Traceback" not in operator.log


def test_without_a_memory_nothing_is_started_or_promoted_and_what_serves_goes_on(
    left: Left,
) -> None:
    steady, trying = left.steady, left.trying
    world, before = steady.world, steady.world.ready(steady.namespace)
    FakeKubeRay(world).run(left.candidate)
    more = {"spec": {"scaling": {"maxReplicas": 3}}}
    world.merge(kinds.MODELDEPLOYMENT, steady.namespace, "echo", more)
    after = steady.await_reason("Ready")
    assert after["lastTransitionTime"] == before["lastTransitionTime"], "it was never False"
    change(world, steady.namespace, {"source": source("b" * 40)})
    for each in (steady, trying):
        said = each.await_reason("CRDOutdated")
        assert "status.rollout" in said["message"]
        assert said["status"] == "False"
        assert each.serves
    assert steady.rayservices == {steady.active["metadata"]["uid"]}
    assert left.candidate["metadata"]["uid"] in trying.rayservices


@pytest.mark.long
def test_as_soon_as_the_crd_has_the_memory_what_waited_for_it_is_promoted(left: Left) -> None:
    world = left.trying.world
    FakeKubeRay(world).run(left.candidate)
    left.trying.await_reason("CRDOutdated")
    world.install(yaml.safe_load((CRDS / "modeldeployments.yaml").read_text()))
    left.trying.await_reason("Ready")
    assert selected(world, left.trying.namespace) == left.candidate["metadata"]["name"]
    assert left.steady.serves
