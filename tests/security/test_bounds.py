"""One tenant's huge objects, on a real API server: both controllers go on for everybody else."""

import base64
import itertools
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from bastaix.api import names
from bastaix.reconcile import kinds
from cluster.control_plane import ControlPlane
from tests.api.operator_process import OperatorProcess, SourceProcess, until
from tests.api.world import SETTINGS, FakeKubeRay, World, modeldeployment

CHART = Path(__file__).parents[2] / "charts/bastaix"
MEBIBYTE = 2**20
HEALTHY_SECONDS = 1.0
OTHER_SECONDS = 5.0
"""Until another namespace's ModelDeployment is reconciled."""
BUSY_RATIO = 12
"""Where the machine has more to do: so many times as long as when nobody attacks."""
MODELS = 40
PODS = 26
EVENTS = 130
LARGEST_MESSAGE = 1_000_000
"""A larger Event is passed over."""


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


def huge() -> Iterator[Any]:
    """What takes the longest to be read, about 1.1 MB, and in turn what takes the most memory.

    The latter is just below the limit, so it is read, and cannot be compressed.
    """
    noise = base64.b64encode(os.urandom(765_000)).decode()
    slow = (
        [{}] * 360_000,
        [nested(10)] * 45_000,
        [nested(90)] * 5_700,
        ["x"] * 270_000,
        ["0123456789012345"] * 49_000,
        "\U0001f600" + "x" * 1_030_000,
    )
    for value in itertools.cycle(slow):
        yield value
        yield noise


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ControlPlane(tmp_path_factory.mktemp("plane")) as control_plane:
        world = World(control_plane)
        world.install_ours()
        world.install_kuberay()
        yield world


@contextmanager
def slowest_health(*processes: OperatorProcess) -> Iterator[list[float]]:
    """Seconds that each answer of /healthz took meanwhile, and of one that did not come."""
    seconds: list[float] = []
    over = threading.Event()

    def ask(process: OperatorProcess) -> None:
        while not over.wait(0.2):
            began = time.monotonic()
            status, _ = process.page("/healthz")
            seconds.append(time.monotonic() - began if status == 200 else float("inf"))

    threads = [threading.Thread(target=ask, args=(process,)) for process in processes]
    for thread in threads:
        thread.start()
    try:
        yield seconds
    finally:
        over.set()
        for thread in threads:
            thread.join()


class Neighbour:
    """Applies one ModelDeployment after another, and waits for the RayService of each."""

    def __init__(self, world: World, namespace: str) -> None:
        self._world = world
        self._namespace = namespace
        self._numbers = itertools.count()
        self.slowest_apply = 0.0
        """Seconds that the API server alone took for one of them."""

    def wait(self) -> float:
        """Seconds from a new one until it is reconciled."""
        name = f"n{next(self._numbers)}"
        path = f"{kinds.RAYSERVICE.path(self._namespace)}?labelSelector={names.NAME_LABEL}%3D{name}"
        manifest = modeldeployment(self._namespace, name, source={"image": {}})
        began = time.monotonic()
        self._world.apply(kinds.MODELDEPLOYMENT, manifest)
        self.slowest_apply = max(self.slowest_apply, time.monotonic() - began)
        until(
            lambda: self._world.request("GET", path)["items"], f"RayService of {name}", every=0.05
        )
        return time.monotonic() - began

    def waits(self, *meanwhile: Future[None]) -> list[float]:
        """One after another, for as long as this goes on."""
        found = [self.wait()]
        while not all(future.done() for future in meanwhile):
            found.append(self.wait())
        for future in meanwhile:
            future.result()
        return found


@contextmanager
def both(
    world: World, folder: Path
) -> Iterator[tuple[OperatorProcess, SourceProcess, list[float]]]:
    """Both controllers under the chart's limits of memory, ready, and the answers of /healthz."""
    (operator, source), kubeconfig = map(limit, ("operator", "source")), world.kubeconfig
    with (
        OperatorProcess(kubeconfig, folder / "o", settings=SETTINGS, memory=operator) as one,
        SourceProcess(kubeconfig, folder / "s", memory=source) as two,
    ):
        for process in (one, two):
            until(lambda it=process: it.page("/readyz")[0] == 200, "it is ready", seconds=120)
        with slowest_health(one, two) as seconds:
            yield one, two, seconds


def demand_bounds(
    operator: OperatorProcess,
    source: OperatorProcess,
    health: Sequence[float],
    *,
    neighbour: Neighbour,
    quiet: tuple[float, float],
    waits: Sequence[float],
) -> None:
    """`quiet` are the longest wait and the slowest answer of /healthz when nobody attacked."""
    peaks = operator.peak_memory(), source.peak_memory()
    print(
        f"peaks {[peak // MEBIBYTE for peak in peaks]} MiB,"
        f" {operator.cpu():.1f} and {source.cpu():.1f} s of processor time;"
        f" /healthz {quiet[1]:.2f} s before, {max(health):.2f} s at most;"
        f" the neighbour waited {quiet[0]:.2f} s before, {max(waits):.2f} s at most,"
        f" {median(waits):.2f} s in the middle of {len(waits)};"
        f" the API server took {neighbour.slowest_apply:.2f} s at most for one of its writes"
    )
    assert peaks[0] < limit("operator")
    assert peaks[1] < limit("source")
    assert max(waits) < max(OTHER_SECONDS, BUSY_RATIO * quiet[0])
    assert max(health) < max(HEALTHY_SECONDS, BUSY_RATIO * quiet[1])


@pytest.mark.long
def test_huge_objects_of_one_namespace_cost_no_other_its_controllers(
    world: World, tmp_path: Path
) -> None:
    namespace, neighbour = world.namespace("mallory"), Neighbour(world, world.namespace("alice"))
    shapes, models = huge(), [f"m{number}" for number in range(MODELS)]

    def create(name: str, value: Any) -> None:
        app = {"importPath": "a:b", "args": {"a": value}}
        model = modeldeployment(namespace, name, app=app, source={"image": {}})
        world.request("POST", kinds.MODELDEPLOYMENT.path(namespace), model)

    def attack() -> None:
        for name in models:
            create(name, next(shapes))
        create("deep", nested(900))
        for name in (*models, "deep"):
            until(
                lambda name=name: world.ready(namespace, name).get("reason") == "SpecTooLarge",
                f"{name} is said to be too large",
                every=0.5,
                seconds=240,
            )

    with both(world, tmp_path) as (operator, source, health), ThreadPoolExecutor() as pool:
        quiet = max(neighbour.wait() for _ in range(10)), max(health)
        waits = neighbour.waits(pool.submit(attack))
        demand_bounds(operator, source, health, neighbour=neighbour, quiet=quiet, waits=waits)
    # after a restart all of them come at once
    with both(world, tmp_path) as (operator, source, health):
        waits = [neighbour.wait() for _ in range(10)]
        demand_bounds(operator, source, health, neighbour=neighbour, quiet=quiet, waits=waits)


@pytest.mark.long
def test_huge_events_about_the_pods_of_one_namespace_cost_no_other_its_operator(
    world: World, tmp_path: Path
) -> None:
    namespace, neighbour = world.namespace("eve"), Neighbour(world, world.namespace("bob"))

    def say(pod: dict[str, Any], number: int) -> None:
        metadata = pod["metadata"]
        about = {"kind": "Pod", "namespace": namespace, **picked(metadata, "name", "uid")}
        event = {
            "metadata": {"name": f"e{number}", "namespace": namespace},
            "involvedObject": about,
            "reason": "FailedMount",
            "message": f'secret "a" not found {"x" * LARGEST_MESSAGE}\U0001f600',
            "lastTimestamp": now(),
        }
        world.request("POST", kinds.EVENT.path(namespace), event)

    def attack(pods: Sequence[dict[str, Any]]) -> None:
        for number in range(1, EVENTS):
            say(pods[number % len(pods)], number)

    with both(world, tmp_path) as (operator, source, health), ThreadPoolExecutor() as pool:
        quiet = max(neighbour.wait() for _ in range(10)), max(health)
        for number in range(PODS // 2):
            manifest = modeldeployment(namespace, f"m{number}", source={"image": {}})
            world.apply(kinds.MODELDEPLOYMENT, manifest)
        until(
            lambda: len(world.list(kinds.RAYSERVICE, namespace)) == PODS // 2,
            "a RayService of each",
        )
        for rayservice in world.list(kinds.RAYSERVICE, namespace):
            kind = kinds.RAYSERVICE
            hold_pods(world, {**rayservice, "apiVersion": kind.api_version, "kind": kind.name})
        pods = world.list(kinds.POD, namespace)
        assert len(pods) == PODS
        say(pods[0], 0)
        owner = pods[0]["metadata"]["labels"][names.NAME_LABEL]
        until(
            lambda: world.ready(namespace, owner).get("reason") == "VolumeMissing",
            "what the first one says is read",
            seconds=120,
        )
        waits = neighbour.waits(pool.submit(attack, pods))
        waits += [neighbour.wait() for _ in range(10)]
        demand_bounds(operator, source, health, neighbour=neighbour, quiet=quiet, waits=waits)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def picked(fields: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: fields[key] for key in keys}


def hold_pods(world: World, rayservice: dict[str, Any]) -> None:
    """What KubeRay and a node that cannot mount a volume would do: Pods that wait on a node."""
    kuberay = FakeKubeRay(world)
    kuberay.make_cluster(rayservice)
    scheduled = {
        "type": "PodScheduled",
        "status": "True",
        "lastTransitionTime": now(),
    }
    template = rayservice["spec"]["rayClusterConfig"]
    groups = {"head": template["headGroupSpec"], "worker": template["workerGroupSpecs"][0]}
    for role, group in groups.items():
        kuberay.make_pod(rayservice, role, group["template"])
        metadata = rayservice["metadata"]
        address = {"namespace": metadata["namespace"], "name": f"{metadata['name']}-{role}"}
        status = {"phase": "Pending", "conditions": [scheduled]}
        world.apply(kinds.POD, {"metadata": address, "status": status}, "status")
