"""A real API server with our kind in it, shared by all tests of this folder; and an operator."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config
from kubernetes.client import CustomObjectsApi

from cluster import programs
from cluster.control_plane import ControlPlane
from tests.api.operator_process import OperatorProcess, until
from tests.api.world import SETTINGS, FakeApp, World, fake_app

CRDS = Path(__file__).parents[2] / "crds"

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and the API server, with our CRD established; KubeRay's are a test's own."""
    programs.ensure("kubectl")
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as running:
        kubectl = _kubectl(running.kubeconfig)
        kubectl("apply", "--server-side", "--filename", str(CRDS))
        # one that is so new that it has no conditions yet is an error to `kubectl wait`
        words = ("wait", "--for=condition=Established", "--timeout=30s", "--filename", str(CRDS))
        until(lambda: kubectl(*words, check=False).returncode == 0, "our CRD is established")
        yield running


@pytest.fixture(scope="session")
def kubectl(control_plane: ControlPlane) -> Kubectl:
    """Run kubectl; `manifest` goes to its standard input, `check=False` lets it fail."""
    return _kubectl(control_plane.kubeconfig)


@pytest.fixture(scope="session")
def objects(control_plane: ControlPlane) -> CustomObjectsApi:
    client = config.new_client_from_config(str(control_plane.kubeconfig))  # type: ignore[no-untyped-call]
    return CustomObjectsApi(client)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An API server of a module's own, with our kind and KubeRay's."""
    with ControlPlane(tmp_path_factory.mktemp("plane")) as control_plane:
        world = World(control_plane)
        world.install_ours()
        world.install_kuberay()
        yield world


@pytest.fixture(scope="module")
def app() -> Iterator[FakeApp]:
    with fake_app() as app:
        yield app


@pytest.fixture(scope="module")
def operator(
    world: World, app: FakeApp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    log = tmp_path_factory.mktemp("operator") / "log"
    option = f"--probe-url={app.url}"
    with OperatorProcess(world.kubeconfig, log, option, settings=SETTINGS) as operator:
        until(lambda: operator.page("/readyz")[0] == 200, "the operator is ready")
        yield operator
        assert "Traceback" not in operator.log


@pytest.fixture
def namespace(world: World, request: pytest.FixtureRequest) -> str:
    return world.namespace(request.node.name.replace("_", "-")[5:50].strip("-"))


def _kubectl(kubeconfig: Path) -> Kubectl:
    def run(
        *words: str, manifest: Any = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(programs.path("kubectl")), "--kubeconfig", str(kubeconfig), *words],
            input=None if manifest is None else json.dumps(manifest),
            text=True,
            capture_output=True,
            timeout=60,
        )
        assert not check or done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done

    return run
