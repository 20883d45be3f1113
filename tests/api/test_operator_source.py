"""The operator and what the source controller says, on a real API server; they share one status."""

import pytest

from bastaix.api import names, reasons
from bastaix.api.reasons import Finding, explained
from bastaix.reconcile import kinds
from tests.api.operator_process import until
from tests.api.world import (
    FakeApp,
    FakeKubeRay,
    FakeSource,
    Object,
    World,
    change,
    deploy,
    modeldeployment,
    only,
    source,
)

pytestmark = pytest.mark.usefixtures("operator")
MD, RAYSERVICE, CONTROLLERREVISION = (
    kinds.MODELDEPLOYMENT,
    kinds.RAYSERVICE,
    kinds.CONTROLLERREVISION,
)


def test_no_rayservice_before_the_code_is_verified(world: World, namespace: str) -> None:
    world.apply(MD, modeldeployment(namespace))
    until(lambda: world.ready(namespace).get("reason") == "FetchingSource", "it says so")
    assert world.list(RAYSERVICE, namespace) == []
    assert world.list(CONTROLLERREVISION, namespace) == []
    digest = FakeSource(world).verify(namespace)
    template = only(world, RAYSERVICE, namespace)["spec"]["rayClusterConfig"]["headGroupSpec"]
    (volume, *_) = template["template"]["spec"]["volumes"]
    assert volume["secret"]["secretName"] == names.artifact_name("echo", digest)
    kept = only(world, CONTROLLERREVISION, namespace)
    assert kept["metadata"]["labels"][names.ARTIFACT_LABEL] == names.artifact_label(digest)


@pytest.mark.parametrize(
    ("reason", "condition"),
    [(reasons.SECRET_NOT_FOUND, "Reconciling"), (reasons.IMPORT_PATH_NOT_FOUND, "Stalled")],
    ids=str,
)
def test_what_is_wrong_with_the_code_is_what_ready_says(
    world: World, namespace: str, reason: reasons.Reason, condition: str
) -> None:
    name = reason.name.lower()
    world.apply(MD, modeldeployment(namespace, name))
    message = explained(Finding(reason, "what is wrong"))
    FakeSource(world).refuse(namespace, reason, message, name)
    until(lambda: world.ready(namespace, name).get("reason") == reason.name, "it says so")
    assert world.ready(namespace, name)["message"] == message
    assert world.condition(condition, namespace, name)["status"] == "True"
    assert world.list(RAYSERVICE, namespace) == []


def test_each_controller_owns_its_part_of_the_status(world: World, namespace: str) -> None:
    deploy(world, modeldeployment(namespace))
    FakeKubeRay(world).run(only(world, RAYSERVICE, namespace))
    until(lambda: world.ready(namespace).get("status") == "True", "it is ready")
    operators, sources = (
        owned(world, namespace, manager)
        for manager in (names.FIELD_MANAGER, names.SOURCE_FIELD_MANAGER)
    )
    assert sources == {"f:source", "SourceVerified"}
    assert {"Ready", "Serving", "f:active"} <= operators
    assert operators & sources == set()
    before = world.status(namespace)["source"]
    FakeSource(world).refuse(namespace, reasons.SOURCE_NOT_FOUND, "gone")
    until(lambda: world.ready(namespace)["reason"] == "SourceNotFound", "it is ready no more")
    assert world.status(namespace)["source"] == before
    assert owned(world, namespace, names.SOURCE_FIELD_MANAGER) == sources


def test_what_serves_goes_on_while_the_new_code_is_refused(
    world: World, app: FakeApp, namespace: str
) -> None:
    deploy(world, modeldeployment(namespace))
    first = only(world, RAYSERVICE, namespace)
    FakeKubeRay(world).run(first)
    until(lambda: world.ready(namespace).get("status") == "True", "it is ready")
    active = world.status(namespace)["active"]
    spec = {"source": source("b" * 40), "scaling": {"maxReplicas": 3}}
    world.merge(MD, namespace, "echo", {"spec": spec})
    FakeSource(world).refuse(namespace, reasons.SOURCE_NOT_FOUND, "no such commit")
    until(lambda: world.ready(namespace)["reason"] == "SourceNotFound", "it says so")
    assert world.condition("Serving", namespace)["status"] == "True"
    assert world.status(namespace)["active"] == active
    same = only(world, RAYSERVICE, namespace)
    assert same["metadata"]["uid"] == first["metadata"]["uid"]
    assert same["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["maxReplicas"] == 3
    assert app.asked_by(namespace) == 1


def test_a_commit_that_changes_nothing_restarts_nothing(
    world: World, app: FakeApp, namespace: str
) -> None:
    world.apply(MD, modeldeployment(namespace))
    digest = FakeSource(world).verify(namespace)
    first = only(world, RAYSERVICE, namespace)
    FakeKubeRay(world).run(first)
    until(lambda: world.ready(namespace).get("status") == "True", "it is ready")
    world.merge(MD, namespace, "echo", {"spec": {"source": source("b" * 40)}})
    FakeSource(world).verify(namespace, digest=digest)
    until(
        lambda: world.status(namespace)["active"]["commit"] == "b" * 40, "the new commit is active"
    )
    until(lambda: world.ready(namespace)["status"] == "True", "it is ready")
    assert only(world, RAYSERVICE, namespace)["metadata"]["uid"] == first["metadata"]["uid"]
    assert app.asked_by(namespace) == 1


def test_suspending_waits_for_no_code(world: World, namespace: str) -> None:
    deploy(world, modeldeployment(namespace))
    only(world, RAYSERVICE, namespace)
    spec = {"source": source("b" * 40), "suspend": True}
    world.merge(MD, namespace, "echo", {"spec": spec})
    until(lambda: not world.list(RAYSERVICE, namespace), "the RayService is gone")
    until(lambda: world.ready(namespace).get("reason") == "Suspended", "it says so")
    change(world, namespace, {"suspend": False})
    assert only(world, RAYSERVICE, namespace)


def test_code_of_the_image_is_started_without_a_source_controller(
    world: World, namespace: str
) -> None:
    world.apply(MD, modeldeployment(namespace, source={"image": {}}))
    rayservice = only(world, RAYSERVICE, namespace)
    assert "working_dir" not in rayservice["spec"]["serveConfigV2"]
    assert "bastaix-source" not in str(rayservice["spec"])
    until(lambda: world.ready(namespace).get("reason") == "StartingRay", "it is reported")


def owned(world: World, namespace: str, manager: str) -> set[str]:
    """Fields of the status, and types of conditions, that somebody's applies own."""
    found: Object = world.get(MD, namespace, "echo") or {}
    for each in found["metadata"]["managedFields"]:
        if each["manager"] == manager and each.get("subresource") == "status":
            fields: Object = dict(each["fieldsV1"]["f:status"])
            types = fields.pop("f:conditions", {})
            names_of_types = {key.split('"')[3] for key in types if key.startswith("k:")}
            return {*fields, *names_of_types}
    return set()
