"""An operator that is newer than its CRD, on a real API server: the status goes on."""

import copy
from collections.abc import Iterator
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
    World,
    deploy,
    fake_app,
    modeldeployment,
)

PATHS = (("startup",), ("active", "since"))
"""Fields of the status that the older CRD lacks."""


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
