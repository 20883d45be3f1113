"""A start that goes well never says that it fails, however slow it is.

Twenty-one starts, some of them three side by side for processors that others burn too, and the demo
with its own model, volume and claim; all but the first for `make test-long`.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from demo import steps
from demo.__main__ import NAME
from demo.kubectl import kubectl
from tests.e2e.deployed import Deployed, Node
from tests.e2e.late_registry import late
from tests.e2e.told import told

LONGEST_SECONDS = 600.0
SLOW: dict[str, Any] = {"app": {"args": {"echo": {"seconds_to_start": 70}}}}
"""Ray Serve complains of a constructor after 30 s."""
QUICK: dict[str, Any] = {}
REPRESENTATIVE = "alone-0"
ON_THE_WAY = {
    *(
        "FetchingSource",
        "Verified",
        "Scheduling",
        "BindingVolume",
        "PullingImage",
        "StartingRay",
        "LoadingModel",
    ),
    *("AwaitingAnswer", "Promoted", "NotAnswering", "Answering", "Ready"),
}
"""All that may be read of a start that goes well."""
# it ends with who started it, however that ends
_BURN = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"


@contextmanager
def burning() -> Iterator[None]:
    """Processes that take what they can get of every processor."""
    burners = [subprocess.Popen([sys.executable, "-c", _BURN]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def _starts(name: str, spec: dict[str, Any], *, is_burning: bool = False, copies: int = 3) -> Any:
    names = tuple(f"{name}-{n}" for n in range(copies))
    marks = () if name == REPRESENTATIVE else pytest.mark.long
    return pytest.param(names, spec, is_burning, id=name, marks=marks)


@pytest.mark.parametrize(
    ("names", "spec", "is_burning"),
    [
        *(_starts(f"alone-{n}", QUICK, copies=1) for n in range(5)),
        *(_starts(f"slow-{n}", SLOW) for n in range(2)),
        *(_starts(f"starved-{n}", QUICK, is_burning=True) for n in range(2)),
        _starts("worst", SLOW, is_burning=True),
    ],
)
def test_a_healthy_start_never_shows_a_failure(
    deploy_echo: Callable[..., Deployed],
    namespace: str,
    names: tuple[str, ...],
    spec: dict[str, Any],
    is_burning: bool,
) -> None:
    with told(namespace) as said:
        try:
            started = [deploy_echo(name, spec) for name in names]
            with burning() if is_burning else nullcontext():
                for each in started:
                    each.wait_ready(LONGEST_SECONDS)
        finally:
            _end(namespace, names)
        found = said.conditions()
    for name in names:
        _is_well(namespace, name, found[name])


@pytest.mark.long
def test_an_image_that_comes_late_is_waited_for(
    deploy_echo: Callable[..., Deployed], real_node: Node, namespace: str
) -> None:
    with told(namespace) as said, late(real_node.images, seconds=40) as image:
        try:
            deploy_echo("late", {"runtime": {"image": image}}).wait_ready(LONGEST_SECONDS)
        finally:
            _end(namespace, ("late",))
        found = said.conditions()
    assert "Ready=False/PullingImage" in found["late"]
    _is_well(namespace, "late", found["late"])


@pytest.mark.long
def test_the_demo_never_shows_a_failure(real_node: Node) -> None:
    """Its namespace, volume, claim and model come within a second, on a node that starts vLLM."""
    namespace = f"demo-{uuid.uuid4().hex[:6]}"
    try:
        steps.prepare_namespace(namespace)
        with told(namespace) as said:
            image = real_node.images["ray"]
            steps.apply(steps.MODEL, NAMESPACE=namespace, COMMIT=real_node.commit, IMAGE=image)
            steps.wait_ready(NAME, namespace, seconds=900, progress=real_node.progress)
            found = said.conditions()
        _is_well(namespace, NAME, found[NAME])
    finally:
        steps.remove_namespace(namespace)


def _is_well(namespace: str, name: str, said: list[str]) -> None:
    """It said that it is on its way, that it is ready, and nothing else."""
    assert "Ready=True/Ready" in said
    assert {each.partition("/")[2] for each in said} <= ON_THE_WAY
    assert not [each for each in said if each.startswith("Stalled=True")]
    types = _events(namespace, name)
    assert types
    assert set(types) == {"Normal"}


def _end(namespace: str, names: tuple[str, ...]) -> None:
    """Their room is for the next ones, who must not have to wait for it."""
    kubectl("delete", "md", *names, "-n", namespace, "--ignore-not-found")
    selector = f"serving.bastaix.dev/name in ({','.join(names)})"
    kubectl("wait", "pods", "-l", selector, "-n", namespace, "--for=delete", "--timeout=180s")


def _events(namespace: str, name: str) -> list[str]:
    """The types of those that tell of it."""
    selector = f"involvedObject.kind=ModelDeployment,involvedObject.name={name}"
    text = kubectl("get", "events", "-n", namespace, "--field-selector", selector, "-o", "json")
    return [each["type"] for each in json.loads(text)["items"]]
