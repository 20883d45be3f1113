"""The operator's own coming and going: restarts, signals, missing kinds, few rights."""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bastaix.reconcile import kinds
from cluster.control_plane import ControlPlane
from tests.api import kuberay_crds
from tests.api.operator_process import OperatorProcess, until
from tests.api.rights import restricted
from tests.api.world import (
    CRD,
    FakeKubeRay,
    World,
    change,
    deploy,
    fake_app,
    modeldeployment,
    only,
    other,
    source,
)

PACKAGE = Path(__file__).parents[2] / "operator/bastaix"
DEFAULT = '"RAY_LOG_TO_STDERR": "1"'

MD, RAYSERVICE = kinds.MODELDEPLOYMENT, kinds.RAYSERVICE
ABSENT_SECONDS = 30
"""KubeRay may come at any time; within so many seconds work goes on."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An API server of one's own, with our kind and without KubeRay's."""
    with ControlPlane(tmp_path / "plane") as control_plane:
        world = World(control_plane)
        world.install_ours()
        world.namespace("demo")
        yield world


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_a_restart_with_nothing_to_do_writes_and_asks_nothing(world: World, log: Path) -> None:
    world.install_kuberay()
    with fake_app() as app:
        probe = f"--probe-url={app.url}"
        for name in ("one", "two"):
            deploy(world, modeldeployment("demo", name))
        with OperatorProcess(world.kubeconfig, log, probe):
            until(lambda: len(world.list(RAYSERVICE, "demo")) == 2, "two RayServices")
            for rayservice in world.list(RAYSERVICE, "demo"):
                FakeKubeRay(world).run(rayservice)
            for name in ("one", "two"):
                until(lambda name=name: is_ready(world, name), f"{name} is ready")
        before = versions(world)
        app.asked.clear()
        with OperatorProcess(world.kubeconfig, log, probe) as operator:
            until(lambda: operator.metric("bastaix_reconcile_seconds_count") >= 2, "a look at each")
            until(lambda: operator.metric("bastaix_queue_depth") == 0, "the queue is empty")
            assert operator.metric("bastaix_writes_total") == 0
            assert operator.metric("bastaix_modeldeployments", ready="true") == 2
        assert versions(world) == before
        assert app.asked == []


def test_a_build_that_renders_otherwise_restarts_nothing(
    world: World, log: Path, tmp_path: Path
) -> None:
    world.install_kuberay()
    build = tmp_path / "build"
    shutil.copytree(PACKAGE, build / "bastaix")
    pods = build / "bastaix/render/pods.py"
    assert DEFAULT in pods.read_text()
    pods.write_text(pods.read_text().replace(DEFAULT, '"RAY_LOG_TO_STDERR": "0"'))
    with fake_app() as app:
        probe = f"--probe-url={app.url}"
        deploy(world, modeldeployment("demo", "one"))
        with OperatorProcess(world.kubeconfig, log, probe):
            before = only(world, RAYSERVICE, "demo")
            FakeKubeRay(world).run(before)
            until(lambda: is_ready(world, "one"), "it is ready")
        newer = {"PYTHONPATH": str(build)}
        with OperatorProcess(world.kubeconfig, log, probe, settings=newer):
            world.merge(MD, "demo", "one", {"spec": {"scaling": {"maxReplicas": 7}}})
            until(lambda: "max_replicas: 7" in config(world), "the newer build is at work")
            same = only(world, RAYSERVICE, "demo")
            head = "headGroupSpec"
            assert same["metadata"]["uid"] == before["metadata"]["uid"]
            assert (
                same["spec"]["rayClusterConfig"][head] == before["spec"]["rayClusterConfig"][head]
            )
            deploy(world, modeldeployment("demo", "two"))
            until(lambda: len(world.list(RAYSERVICE, "demo")) == 2, "a revision of its own")
            rendered = [str(each["spec"]) for each in world.list(RAYSERVICE, "demo")]
            stderr = "{'name': 'RAY_LOG_TO_STDERR', 'value': '0'}"
            assert sum(stderr in each for each in rendered) == 1, "it does render otherwise"


def config(world: World) -> str:
    (found,) = world.list(RAYSERVICE, "demo")
    return str(found["spec"]["serveConfigV2"])


def test_sigterm_ends_it_cleanly_with_work_under_way(world: World, log: Path) -> None:
    world.install_kuberay()
    for number in range(30):
        deploy(world, modeldeployment("demo", f"md-{number}"))
    operator = OperatorProcess(world.kubeconfig, log)
    operator.start()
    until(lambda: operator.metric("bastaix_writes_total") > 0, "it has begun", every=0.02)
    assert operator.stop() == 0
    assert "Traceback" not in operator.log
    assert operator.log.rstrip().endswith("stopped")
    # what was begun was brought to its end: nobody has a RayService and no status
    for rayservice in world.list(RAYSERVICE, "demo"):
        assert world.ready("demo", rayservice["metadata"]["labels"]["serving.bastaix.dev/name"])


def test_without_an_api_server_it_says_why_and_can_be_stopped(tmp_path: Path, log: Path) -> None:
    config = {
        "clusters": [{"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "nobody", "user": {"token": "none"}}],
        "contexts": [{"name": "c", "context": {"cluster": "nowhere", "user": "nobody"}}],
        "current-context": "c",
    }
    kubeconfig = tmp_path / "nowhere"
    kubeconfig.write_text(json.dumps(config))
    operator = OperatorProcess(kubeconfig, log)
    operator.start()
    until(lambda: "cannot be asked" in operator.page("/readyz")[1], "it says why")
    assert operator.page("/readyz")[0] == 503
    assert operator.page("/healthz")[0] == 200
    assert operator.stop(within=10) == 0


def test_kuberay_may_come_later_and_go(world: World, log: Path) -> None:
    deploy(world, modeldeployment("demo"))
    with OperatorProcess(world.kubeconfig, log) as operator:
        until(lambda: world.ready("demo").get("reason") == "KubeRayAbsent", "the object says it")
        status, text = operator.page("/readyz")
        assert status == 503
        assert "install KubeRay" in text
        assert operator.page("/healthz")[0] == 200
        assert "no kind RayService" in operator.log
        world.install_kuberay()
        until(lambda: world.list(RAYSERVICE, "demo"), "the RayService", seconds=ABSENT_SECONDS)
        until(lambda: operator.page("/readyz")[0] == 200, "the operator is ready")
        for path in kuberay_crds.files():
            world.delete(CRD, None, yaml.safe_load(path.read_text())["metadata"]["name"])
        until(
            lambda: world.ready("demo").get("reason") == "KubeRayAbsent",
            "the object says it again",
            seconds=ABSENT_SECONDS,
        )


def test_a_kuberay_without_a_field_is_named_with_the_field(world: World, log: Path) -> None:
    rayclusters, rayservices = (yaml.safe_load(each.read_text()) for each in kuberay_crds.files())
    lacking = copy.deepcopy(rayservices)
    for version in lacking["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        spec["rayClusterConfig"]["properties"].pop("authOptions", None)
    world.install(rayclusters)
    world.install(lacking)
    deploy(world, modeldeployment("demo"))
    with OperatorProcess(world.kubeconfig, log):
        until(lambda: world.ready("demo").get("reason") == "KubeRayUnsupported", "it is told")
        assert "authOptions" in world.ready("demo")["message"]
        world.install(rayservices)
        # it does not wait for the whole minute when the spec is touched
        world.merge(MD, "demo", "echo", {"spec": {"scaling": {"maxReplicas": 3}}})
        until(lambda: world.list(RAYSERVICE, "demo"), "the RayService")


@pytest.mark.parametrize("namespaces", [(), ("demo",)], ids=["cluster-wide", "namespaced"])
def test_the_rights_of_the_chart_are_enough(
    world: World, log: Path, tmp_path: Path, namespaces: tuple[str, ...]
) -> None:
    kubeconfig = tmp_path / "few-rights"
    kubeconfig.write_text(json.dumps(restricted(world, "bastaix", namespaces)))
    option = f"--namespaces={','.join(namespaces)}"
    with (
        fake_app() as app,
        OperatorProcess(kubeconfig, log, option, f"--probe-url={app.url}") as operator,
    ):
        until(lambda: operator.page("/readyz")[0] == 503, "it misses KubeRay")
        world.install_kuberay()
        deploy(world, modeldeployment("demo"))
        until(lambda: world.list(RAYSERVICE, "demo"), "a RayService", seconds=ABSENT_SECONDS)
        first = only(world, RAYSERVICE, "demo")
        FakeKubeRay(world).run(first)
        until(lambda: is_ready(world, "echo"), "it is ready")
        rollout = {"drainSeconds": 1, "bakeSeconds": 1}
        change(world, "demo", {"source": source("c" * 40), "rollout": rollout})
        FakeKubeRay(world).run(other(world, "demo", first))
        until(lambda: len(world.list(RAYSERVICE, "demo")) == 1, "the old revision is deleted")
        world.merge(MD, "demo", "echo", {"spec": {"suspend": True}})
        until(lambda: world.ready("demo")["reason"] == "Suspended", "it is suspended")
        assert operator.metric("bastaix_reconcile_errors_total") == 0
    assert "orbidden" not in operator.log


def is_ready(world: World, name: str) -> bool:
    return world.ready("demo", name).get("status") == "True"


def versions(world: World) -> dict[str, str]:
    """Resource versions of everything that the operator writes."""
    written = (MD, RAYSERVICE, kinds.SERVICE, kinds.CONTROLLERREVISION)
    return {
        each["metadata"]["uid"]: each["metadata"]["resourceVersion"]
        for kind in written
        for each in world.list(kind, "demo")
    }
