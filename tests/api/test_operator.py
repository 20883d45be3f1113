"""The operator against a real API server: what a user does, and what becomes of it."""

from typing import Any

import pytest
import yaml

from bastaix.reconcile import kinds
from tests.api.operator_process import OperatorProcess, until
from tests.api.world import (
    EVENT,
    FakeApp,
    FakeKubeRay,
    FakeSource,
    World,
    deploy,
    modeldeployment,
    only,
    source,
)

Object = dict[str, Any]
MD, RAYSERVICE, RAYCLUSTER = kinds.MODELDEPLOYMENT, kinds.RAYSERVICE, kinds.RAYCLUSTER
SERVICE, CONTROLLERREVISION = kinds.SERVICE, kinds.CONTROLLERREVISION


pytestmark = pytest.mark.usefixtures("operator")


def test_children_exist_and_belong_to_the_modeldeployment(world: World, namespace: str) -> None:
    created = deploy(world, modeldeployment(namespace))
    rayservice = only(world, RAYSERVICE, namespace)
    until(lambda: world.ready(namespace), "a status")
    children = [
        rayservice,
        only(world, CONTROLLERREVISION, namespace),
        world.get(SERVICE, namespace, "echo"),
    ]
    for child in children:
        assert child is not None
        (owner,) = child["metadata"]["ownerReferences"]
        assert owner["uid"] == created["metadata"]["uid"]
        assert owner["controller"] is True
    assert world.ready(namespace)["reason"] == "StartingRay"


def test_it_is_ready_only_after_the_app_has_answered(
    world: World, app: FakeApp, namespace: str, operator: OperatorProcess
) -> None:
    deploy(world, modeldeployment(namespace))
    rayservice = only(world, RAYSERVICE, namespace)
    assert app.asked_by(namespace) == 0
    FakeKubeRay(world).run(rayservice)
    until(lambda: world.ready(namespace).get("status") == "True", "it is ready")
    assert app.asked_by(namespace) == 1
    status = (world.get(MD, namespace, "echo") or {})["status"]
    assert status["active"]["commit"] == "a" * 40
    assert status["replicas"]["ready"] == 1
    until(lambda: "Ready" in events(world, namespace), "an Event tells it")
    assert operator.metric("bastaix_first_answer_seconds_count") >= 1
    assert operator.metric("bastaix_modeldeployments", ready="true", reason="Ready") >= 1


def test_it_is_asked_again_only_when_its_pods_were_gone(
    world: World, app: FakeApp, namespace: str
) -> None:
    deploy(world, modeldeployment(namespace))
    rayservice = only(world, RAYSERVICE, namespace)
    kuberay = FakeKubeRay(world)
    kuberay.run(rayservice)
    until(lambda: world.ready(namespace).get("status") == "True", "it is ready")
    world.merge(MD, namespace, "echo", {"spec": {"scaling": {"maxReplicas": 3}}})
    until(lambda: max_replicas(world, namespace) == 3, "the RayCluster may grow")
    assert app.asked_by(namespace) == 1
    kuberay.turn_pod(rayservice, "worker", ready=False)
    until(lambda: world.ready(namespace)["status"] == "False", "it is ready no more")
    kuberay.turn_pod(rayservice, "worker", ready=True)
    until(lambda: world.ready(namespace)["status"] == "True", "it is ready again")
    assert app.asked_by(namespace) == 2


def test_a_wrong_answer_is_told_without_what_was_said(
    world: World, app: FakeApp, namespace: str
) -> None:
    app.status = 500
    try:
        deploy(world, modeldeployment(namespace))
        FakeKubeRay(world).run(only(world, RAYSERVICE, namespace))
        until(lambda: world.ready(namespace).get("reason") == "WrongAnswer", "it is told")
    finally:
        app.status = 200
    assert "answered 500, not 200" in world.ready(namespace)["message"]
    assert "choices" not in world.ready(namespace)["message"]
    until(lambda: world.ready(namespace)["status"] == "True", "it is asked again")


def test_any_character_may_be_in_a_spec_and_in_what_an_app_says(
    world: World, namespace: str
) -> None:
    odd = "\U0001f4a5 \x7f \x85 \u2028 \ufeff 東京"
    variables = [{"name": "SAID", "value": odd}]
    runtime = {"image": "registry.example/ray:1", "env": variables}
    manifest = modeldeployment(namespace, app={"importPath": "app:build", "args": {"x": odd}})
    manifest["spec"]["runtime"] = runtime
    world.request("POST", MD.path(namespace), manifest)
    FakeSource(world).verify(namespace)
    rayservice = only(world, RAYSERVICE, namespace)
    (head,) = rayservice["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"][
        "containers"
    ]
    assert {"name": "SAID", "value": odd} in head["env"]
    config = yaml.safe_load(rayservice["spec"]["serveConfigV2"])
    assert config["applications"][0]["args"]["x"] == odd
    FakeKubeRay(world).fail(rayservice, "ValueError: boom \U0001f4a5")
    until(lambda: world.ready(namespace)["reason"] == "ServeFailed", "its failure is told")
    assert "boom \U0001f4a5" in world.ready(namespace)["message"]


def test_what_others_change_in_a_child_is_repaired(world: World, namespace: str) -> None:
    deploy(world, modeldeployment(namespace))
    name = only(world, RAYSERVICE, namespace)["metadata"]["name"]
    until(lambda: world.get(SERVICE, namespace, "echo"), "the Service")
    world.merge(RAYSERVICE, namespace, name, {"spec": {"serveConfigV2": "applications: []"}})
    world.merge(SERVICE, namespace, "echo", {"spec": {"selector": {"foo": "bar"}}})
    until(
        lambda: "app:build" in only(world, RAYSERVICE, namespace)["spec"]["serveConfigV2"],
        "the configuration of Serve is back",
    )
    until(
        lambda: "foo" not in (world.get(SERVICE, namespace, "echo") or {})["spec"]["selector"],
        "the selector is ours alone",
    )


def test_a_deleted_child_comes_back(world: World, namespace: str) -> None:
    deploy(world, modeldeployment(namespace))
    before = only(world, RAYSERVICE, namespace)
    world.delete(RAYSERVICE, namespace, before["metadata"]["name"])
    until(lambda: another(world, namespace, before), "another RayService")


def test_scaling_reaches_the_live_raycluster_and_no_other_field(
    world: World, namespace: str
) -> None:
    deploy(world, modeldeployment(namespace))
    rayservice = only(world, RAYSERVICE, namespace)
    FakeKubeRay(world).make_cluster(rayservice, replicas=2)
    world.merge(MD, namespace, "echo", {"spec": {"scaling": {"minReplicas": 2, "maxReplicas": 5}}})
    until(lambda: max_replicas(world, namespace) == 5, "the RayCluster has the new bounds")
    (group,) = only(world, RAYCLUSTER, namespace)["spec"]["workerGroupSpecs"]
    assert group["minReplicas"] == 2
    assert group["replicas"] == 2
    same = only(world, RAYSERVICE, namespace)
    assert same["metadata"]["uid"] == rayservice["metadata"]["uid"]
    assert same["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["maxReplicas"] == 5


def test_a_kept_rendering_is_applied_again_and_not_rendered_anew(
    world: World, namespace: str
) -> None:
    deploy(world, modeldeployment(namespace))
    first = only(world, RAYSERVICE, namespace)
    until(lambda: world.ready(namespace), "a status")
    # as an older version of the operator would have rendered it
    kept = only(world, CONTROLLERREVISION, namespace)
    world.delete(CONTROLLERREVISION, namespace, kept["metadata"]["name"])
    kept["data"]["template"]["rayClusterConfig"]["rayVersion"] = "2.52.0"
    del kept["metadata"]["resourceVersion"]
    kept["metadata"].pop("managedFields")
    until(lambda: replaced(world, namespace, kept), "the other rendering is the kept one")
    world.delete(RAYSERVICE, namespace, first["metadata"]["name"])
    until(
        lambda: (
            (world.list(RAYSERVICE, namespace) or [first])[0]["metadata"]["uid"]
            != first["metadata"]["uid"]
        ),
        "another RayService",
    )
    again = only(world, RAYSERVICE, namespace)
    assert again["spec"]["rayClusterConfig"]["rayVersion"] == "2.52.0"


def test_a_kept_revision_can_be_patched_as_the_garbage_collector_does_to_orphan_it(
    world: World, operator: OperatorProcess, namespace: str
) -> None:
    """The API server compares its immutable data byte by byte."""
    given = modeldeployment(namespace)
    given["spec"]["app"]["args"] = {"a": {"z": "<&>é", "f": 0.1, "list": [1, {"b": None}]}}
    deploy(world, given)
    until(lambda: bool(world.list(CONTROLLERREVISION, namespace)), "a ControllerRevision")
    kept = only(world, CONTROLLERREVISION, namespace)
    path = CONTROLLERREVISION.path(namespace, kept["metadata"]["name"])
    patch = {"metadata": {"annotations": {"example.com/a": "b"}}}
    patched = world.request("PATCH", path, patch, "application/strategic-merge-patch+json")
    assert patched["data"] == kept["data"]


def test_suspending_deletes_the_rayservice_and_keeps_the_name(world: World, namespace: str) -> None:
    deploy(world, modeldeployment(namespace))
    only(world, RAYSERVICE, namespace)
    world.merge(MD, namespace, "echo", {"spec": {"suspend": True}})
    until(lambda: not world.list(RAYSERVICE, namespace), "the RayService is gone")
    until(lambda: world.ready(namespace).get("reason") == "Suspended", "it says so")
    assert world.get(SERVICE, namespace, "echo") is not None
    world.merge(MD, namespace, "echo", {"spec": {"suspend": False}})
    assert only(world, RAYSERVICE, namespace)


def test_what_belongs_to_somebody_else_is_not_touched(world: World, namespace: str) -> None:
    port = {"name": "http", "port": 80}
    theirs = world.apply(
        SERVICE, {"metadata": {"namespace": namespace, "name": "echo"}, "spec": {"ports": [port]}}
    )
    deploy(world, modeldeployment(namespace))
    until(lambda: world.ready(namespace).get("reason") == "NotOwned", "it says so")
    now = world.get(SERVICE, namespace, "echo") or {}
    assert now["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]


def test_only_the_last_ten_renderings_are_kept(world: World, namespace: str) -> None:
    for number in range(12):
        commit = f"{number:040x}"
        deploy(world, modeldeployment(namespace, source=source(commit)))
        until(
            lambda commit=commit: commit in commits(world, namespace), f"revision {commit} is kept"
        )
    until(lambda: len(world.list(CONTROLLERREVISION, namespace)) == 10, "ten are left")
    assert f"{11:040x}" in commits(world, namespace)


def another(world: World, namespace: str, before: Object) -> bool:
    """Whether a RayService stands where another one stood."""
    uids = {each["metadata"]["uid"] for each in world.list(RAYSERVICE, namespace)}
    return bool(uids) and before["metadata"]["uid"] not in uids


def replaced(world: World, namespace: str, kept: Object) -> bool:
    """Put another rendering in the place of the kept one; the operator may be faster."""
    name = kept["metadata"]["name"]
    found = world.get(CONTROLLERREVISION, namespace, name)
    if found is not None and found["data"] == kept["data"]:
        return True
    if found is not None:
        world.delete(CONTROLLERREVISION, namespace, name)
    body = {**kept, "metadata": {**kept["metadata"], "uid": None, "creationTimestamp": None}}
    try:
        world.request("POST", CONTROLLERREVISION.path(namespace), body)
    except OSError:  # it was there again already
        return False
    return True


def max_replicas(world: World, namespace: str) -> int:
    found = world.list(RAYCLUSTER, namespace)
    return int(found[0]["spec"]["workerGroupSpecs"][0]["maxReplicas"]) if found else 0


def commits(world: World, namespace: str) -> set[str]:
    return {each["data"]["commit"] for each in world.list(CONTROLLERREVISION, namespace)}


def events(world: World, namespace: str) -> set[str]:
    return {each["reason"] for each in world.list(EVENT, namespace)}
