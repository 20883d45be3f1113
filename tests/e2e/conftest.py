"""One node for all e2e tests: started once and left running; every namespace goes again."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import lifecycle
from cluster.progress import Progress
from demo import steps
from demo.kubectl import kubectl
from tests.e2e.deployed import Deployed, Node, applied
from tests.e2e.variants import Commit

ECHO = steps.ROOT / "tests/e2e/echo.yaml"


@pytest.fixture(scope="session")
def real_node() -> Node:
    progress = Progress()
    lifecycle.up(progress)
    images = dict(steps.built("ray", "operator", "githost", progress=progress))
    steps.install_operator(images["operator"])
    return Node(images=images, commit=steps.publish(progress), progress=progress)


@pytest.fixture(scope="session")
def namespace(real_node: Node) -> Iterator[str]:
    """A fresh namespace that enforces Pod Security `restricted`; all in it goes at the end."""
    name = f"test-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(steps.credential(name)))
    yield name
    kubectl("delete", "md", "--all", "-n", name)
    kubectl("delete", "namespace", name, "--timeout=180s")


@pytest.fixture(scope="session")
def deploy_echo(real_node: Node, namespace: str) -> Callable[..., Deployed]:
    """Deploys the echo app under a name, its spec changed; it goes with its namespace."""

    def deploy(name: str, spec: dict[str, Any] | None = None) -> Deployed:
        manifest = steps.filled(
            ECHO,
            NAME=name,
            NAMESPACE=namespace,
            COMMIT=real_node.commit,
            IMAGE=real_node.images["ray"],
        )
        applied(manifest, spec)
        return Deployed(name, namespace, real_node.progress)

    return deploy


@pytest.fixture(scope="module")
def echo(deploy_echo: Callable[[str], Deployed]) -> Iterator[Deployed]:
    """One for all tests of a module; the next module may need the room, beside a running demo."""
    deployed = deploy_echo(f"echo-{uuid.uuid4().hex[:5]}")
    deployed.wait_ready()
    yield deployed
    kubectl("delete", "md", deployed.name, "-n", deployed.namespace)


@pytest.fixture
def fresh_echo(deploy_echo: Callable[[str], Deployed]) -> Iterator[Deployed]:
    """A deployment for one test alone, told to go after it, also when the test failed."""
    deployed = deploy_echo(f"echo-{uuid.uuid4().hex[:5]}")
    yield deployed
    kubectl("delete", "md", deployed.name, "-n", deployed.namespace, "--ignore-not-found")


@pytest.fixture
def commit(tmp_path: Path) -> Commit:
    return Commit(tmp_path)
