"""One API server with the chart's rights for the attacks on running controllers."""

from collections.abc import Iterator

import pytest

from cluster.control_plane import ControlPlane
from tests.api.world import FakeApp, World, fake_app


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """With our kind and KubeRay's, and without admission policies."""
    with ControlPlane(tmp_path_factory.mktemp("attacked")) as control_plane:
        world = World(control_plane)
        world.namespace("demo")
        world.install_ours()
        world.install_kuberay()
        yield world


@pytest.fixture(scope="module")
def app() -> Iterator[FakeApp]:
    with fake_app() as app:
        yield app
