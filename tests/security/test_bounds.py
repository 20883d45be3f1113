"""One tenant's huge objects, on a real API server: both controllers go on for everybody else."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from bastaix.reconcile import kinds
from cluster.control_plane import ControlPlane
from tests.api.operator_process import OperatorProcess, SourceProcess, until
from tests.api.world import SETTINGS, World, modeldeployment

CHART = Path(__file__).parents[2] / "charts/bastaix"
NUMBER = 3
MEBIBYTE = 2**20
HEALTHY_SECONDS = 1.0
OTHER_SECONDS = 60.0


def limit(part: str) -> int:
    """Bytes of memory that the chart gives a controller."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    text: str = values[part]["resources"]["limits"]["memory"]
    return int(text.removesuffix("Mi")) * MEBIBYTE


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ControlPlane(tmp_path_factory.mktemp("plane")) as control_plane:
        world = World(control_plane)
        world.install_ours()
        world.install_kuberay()
        for name in ("mallory", "alice"):
            world.namespace(name)
        yield world


@contextmanager
def slowest_health(process: OperatorProcess) -> Iterator[list[float]]:
    """Seconds that each answer of /healthz took meanwhile."""
    seconds: list[float] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.2):
            began = time.monotonic()
            if process.page("/healthz")[0] == 200:
                seconds.append(time.monotonic() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seconds
    finally:
        over.set()
        thread.join()


@pytest.mark.long
def test_huge_objects_of_one_namespace_cost_no_other_its_controllers(
    world: World, tmp_path: Path
) -> None:
    large = {"a": [{}] * 360_000}
    for number in range(NUMBER):
        world.request(
            "POST",
            kinds.MODELDEPLOYMENT.path("mallory"),
            modeldeployment("mallory", f"m{number}", app={"importPath": "a:b", "args": large}),
        )
    deep = modeldeployment("mallory", "deep", app={"importPath": "a:b", "args": {"a": nested(900)}})
    world.apply(kinds.MODELDEPLOYMENT, modeldeployment("alice", source={"image": {}}))
    with (
        OperatorProcess(world.kubeconfig, tmp_path / "o", settings=SETTINGS) as operator,
        SourceProcess(world.kubeconfig, tmp_path / "s") as source,
        slowest_health(operator) as seconds,
    ):
        until(lambda: operator.page("/readyz")[0] == 200, "the operator is ready", seconds=120)
        until(lambda: source.page("/readyz")[0] == 200, "the source controller is ready")
        world.request("POST", kinds.MODELDEPLOYMENT.path("mallory"), deep)
        until(lambda: world.list(kinds.RAYSERVICE, "alice"), "alice's RayService")
        second = modeldeployment("alice", "second", source={"image": {}})
        world.apply(kinds.MODELDEPLOYMENT, second)
        until(
            lambda: len(world.list(kinds.RAYSERVICE, "alice")) == 2,
            "alice's second RayService",
            seconds=OTHER_SECONDS,
        )
        for name in ("m0", f"m{NUMBER - 1}", "deep"):
            until(
                lambda name=name: world.ready("mallory", name).get("reason") == "SpecTooLarge",
                f"{name} is said to be too large",
            )
        until(lambda: seconds, "an answer of /healthz")
        peaks = operator.peak_memory(), source.peak_memory()
        print(f"peaks {[peak // MEBIBYTE for peak in peaks]} MiB, health {max(seconds):.2f} s")
    assert peaks[0] < limit("operator")
    assert peaks[1] < limit("source")
    assert max(seconds) < HEALTHY_SECONDS
