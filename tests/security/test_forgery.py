"""What a tenant writes promotes nothing, erases no failure and stops neither rollout nor rollback.

A real API server, the operator as a process with the chart's rights, KubeRay, the app and the Job
controller as named fakes. `mallory` may edit in the namespace: Services, Jobs and Pods above all.
"""

from __future__ import annotations

import itertools
import json
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.reconcile import kinds
from bastaix.render.evaluation import evaluation_key
from bastaix.render.revision import from_controller_revision
from tests.api.operator_process import OperatorProcess, until
from tests.api.rights import restricted
from tests.api.world import (
    SETTINGS,
    FakeApp,
    FakeJobs,
    FakeKubeRay,
    Object,
    World,
    change,
    other,
    selected,
    source,
)
from tests.security.tenants import (
    QUICK,
    forge_records,
    hash_of,
    mallory_in,
    reference_to,
    service,
    serving,
    version,
)

MD, RAYSERVICE, SERVICE, JOB = kinds.MODELDEPLOYMENT, kinds.RAYSERVICE, kinds.SERVICE, kinds.JOB
GATE = {"gate": {"dataset": {"configMapRef": {"name": "golden", "key": "golden.jsonl"}}}}
NOW = "2026-01-01T00:00:00Z"
PASSED = {"outcome": "Passed", "message": "pass rate 1", "passRate": 1.0, "cases": 500}
FAILED = {"outcome": "Failed", "message": "pass rate 0 is too low", "passRate": 0.0}

_numbers = itertools.count()


@pytest.fixture(scope="module")
def operator(
    attacked: World, app: FakeApp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    folder = tmp_path_factory.mktemp("operator")
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(restricted(attacked, "bastaix")))
    probe = f"--probe-url={app.url}"
    with OperatorProcess(kubeconfig, folder / "log", probe, settings=SETTINGS) as operator:
        until(lambda: operator.page("/readyz")[0] == 200, "the operator is ready")
        yield operator
        assert "Traceback" not in operator.log


@pytest.fixture
def namespace(attacked: World, operator: OperatorProcess) -> Iterator[str]:
    namespace = attacked.namespace(f"forgery-{next(_numbers)}")
    yield namespace
    attacked.delete(MD, namespace, "echo")


@pytest.fixture
def mallory(attacked: World, namespace: str) -> World:
    return mallory_in(attacked, namespace)


@pytest.fixture
def active(attacked: World, namespace: str) -> Object:
    """Revision A, which serves."""
    return serving(attacked, namespace)


def on_trial(world: World, namespace: str, active: Object, **rollout: Any) -> Object:
    """The RayService of revision B, of another commit, whose app does not run yet."""
    spec = {"source": source("b" * 40), "rollout": {**QUICK, **rollout}}
    change(world, namespace, spec)
    return other(world, namespace, active)


def name_of(rayservice: Object) -> str:
    return str(rayservice["metadata"]["name"])


def listed(world: World, namespace: str) -> set[str]:
    return {name_of(rayservice) for rayservice in world.list(RAYSERVICE, namespace)}


def key_of(world: World, candidate: Object) -> str:
    """Of a candidate's evaluation: all that it is made of, `view` can read."""
    namespace = candidate["metadata"]["namespace"]
    md = ModelDeployment.from_body(world.get(MD, namespace, "echo") or {})
    kept = world.get(kinds.CONTROLLERREVISION, namespace, name_of(candidate)) or {}
    return evaluation_key(md, from_controller_revision(kept))


def our_job(world: World, candidate: Object, *forged: Object) -> Object:
    """The evaluation that the operator has made, whatever else had its name before."""
    namespace, name = candidate["metadata"]["namespace"], f"{name_of(candidate)}-eval"
    known = {job["metadata"]["uid"] for job in forged}

    def is_made() -> bool:
        found = world.get(JOB, namespace, name)
        return found is not None and found["metadata"]["uid"] not in known

    until(is_made, f"the operator makes Job {name}")
    return world.get(JOB, namespace, name) or {}


def demand_withdrawal(world: World, active: Object, candidate: Object) -> None:
    """The evaluation has failed, so the candidate goes and never had the traffic."""
    namespace = active["metadata"]["namespace"]
    until(lambda: listed(world, namespace) == {name_of(active)}, "B is gone")
    until(lambda: world.ready(namespace)["reason"] == "EvaluationFailed", "it says so")
    assert selected(world, namespace) == name_of(active)
    status = world.status(namespace)
    of_candidate = [
        entry["outcome"] for entry in status["history"] if entry["revision"] == hash_of(candidate)
    ]
    assert of_candidate == ["Failed"]
    assert "500" not in json.dumps(status["history"])


def test_a_passed_gate_that_a_tenant_has_written_down_promotes_nothing(
    attacked: World, mallory: World, namespace: str, active: Object
) -> None:
    candidate = on_trial(attacked, namespace, active, **GATE)
    evaluation = {key: value for key, value in PASSED.items() if key != "message"}
    record = {"outcome": "Promoted", "at": NOW, "promoted": NOW, "evaluation": evaluation}
    key = key_of(mallory, candidate)
    forged = {
        hash_of(obj): {**record, "evaluated": key[:16], "evaluated_sha256": key}
        for obj in (active, candidate)
    }
    forge_records(mallory, namespace, forged)
    FakeKubeRay(attacked).run(candidate)
    job = our_job(attacked, candidate)
    assert selected(attacked, namespace) == name_of(active)
    FakeJobs(attacked).end(job, FAILED)
    demand_withdrawal(attacked, active, candidate)


def forged_job(mallory: World, candidate: Object) -> Object:
    """As the operator makes it, made by somebody else."""
    namespace, hash = candidate["metadata"]["namespace"], hash_of(candidate)
    labels = {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.NAME_LABEL: "echo",
        names.EVALUATION_LABEL: hash,
    }
    container = {"name": "bastaix-eval", "image": "registry.example/x:1"}
    pod = {"containers": [container], "restartPolicy": "Never"}
    manifest = {
        "metadata": {
            "name": names.evaluation_name("echo", hash),
            "namespace": namespace,
            "labels": labels,
            "annotations": {
                names.KEY_ANNOTATION: key_of(mallory, candidate)[:16],
                names.KEY_SHA256_ANNOTATION: key_of(mallory, candidate),
                names.TRIAL_ANNOTATION: candidate["metadata"]["uid"],
                names.ATTEMPT_ANNOTATION: "1",
            },
            "ownerReferences": [reference_to(mallory.get(MD, namespace, "echo") or {}, MD)],
        },
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }
    return mallory.request("POST", JOB.path(namespace), manifest)


def pass_forged(world: World, job: Object) -> None:
    """Its Pod ends as one that has passed, though the operator may have deleted the Job by then."""
    jobs = FakeJobs(world)
    try:
        jobs.end(job, PASSED)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise


def test_an_evaluation_that_somebody_else_has_made_is_not_believed(
    attacked: World, mallory: World, operator: OperatorProcess, namespace: str, active: Object
) -> None:
    candidate, jobs = on_trial(attacked, namespace, active, **GATE), FakeJobs(attacked)
    early = forged_job(mallory, candidate)
    pass_forged(attacked, early)
    FakeKubeRay(attacked).run(candidate)
    ours = our_job(attacked, candidate, early)
    jobs.remove(early)
    # and in the place of ours, while the operator is away
    operator.stop()
    try:
        at_once = {"propagationPolicy": "Background"}  # as kubectl: its Pods are not orphaned
        mallory.request("DELETE", JOB.path(namespace, ours["metadata"]["name"]), at_once)
        late = forged_job(mallory, candidate)
        pass_forged(attacked, late)
    finally:
        operator.start()
    again = our_job(attacked, candidate, early, ours, late)
    jobs.remove(late)
    assert selected(attacked, namespace) == name_of(active)
    jobs.end(again, FAILED)
    demand_withdrawal(attacked, active, candidate)


MALFORMED: dict[str, Object] = {
    "failures": {"failures": "x"},
    "reason": {"outcome": "Failed", "at": NOW, "reason": "x" * 100},
    "time": {"outcome": "Failed", "at": "2026-01-01T00:00:00", "reason": "ServeFailed"},
    "promoted": {"outcome": "Promoted", "promoted": 7, "at": [], "message": {}},
}


@pytest.mark.parametrize("record", MALFORMED.values(), ids=MALFORMED)
def test_a_record_of_the_wrong_form_freezes_nothing(
    attacked: World, mallory: World, namespace: str, active: Object, record: Object
) -> None:
    forge_records(mallory, namespace, {hash_of(active): record})
    # it counts most where the memory is lost, as after a restore from a backup
    status = {"status": {"rollout": None}}
    path = MD.path(namespace, "echo", "status")
    attacked.request("PATCH", path, status, "application/merge-patch+json")
    mallory.merge(MD, namespace, "echo", {"spec": {"scaling": {"maxReplicas": 5}}})
    generation = (attacked.get(MD, namespace, "echo") or {})["metadata"]["generation"]

    def is_told() -> bool:
        found = attacked.status(namespace)
        is_seen = found.get("observedGeneration") == generation
        return is_seen and "rollout" in found and attacked.ready(namespace)["status"] == "True"

    until(is_told, "the change is seen and it is ready")
    assert selected(attacked, namespace) == name_of(active)


def test_who_deletes_the_service_erases_no_failure(
    attacked: World, mallory: World, namespace: str, active: Object
) -> None:
    candidate, kuberay = on_trial(attacked, namespace, active), FakeKubeRay(attacked)
    kuberay.fail(candidate, "ImportError: no x")
    until(lambda: listed(attacked, namespace) == {name_of(active)}, "B is gone")
    kuberay.remove(candidate)
    until(lambda: attacked.ready(namespace)["reason"] == "ServeFailed", "it says so")
    for _ in range(2):  # what follows from the first time is seen the second time
        mallory.delete(SERVICE, namespace, "echo")
        until(lambda: service(attacked, namespace), "the Service is there again")
        assert selected(attacked, namespace) == name_of(active)
    assert listed(attacked, namespace) == {name_of(active)}
    assert attacked.ready(namespace)["reason"] == "ServeFailed"
    outcomes = [
        (entry["commit"], entry["outcome"]) for entry in attacked.status(namespace)["history"]
    ]
    assert ("b" * 40, "Failed") in outcomes


@pytest.mark.parametrize("how", ["patched", "made anew", "none"])
def test_a_selector_that_a_tenant_has_turned_is_turned_back(
    attacked: World, mallory: World, namespace: str, active: Object, how: str
) -> None:
    candidate = on_trial(attacked, namespace, active, **GATE)
    FakeKubeRay(attacked).run(candidate)
    job = our_job(attacked, candidate)
    label = {names.REVISION_LABEL: hash_of(candidate) if how != "none" else "none"}
    live = service(mallory, namespace)
    annotations = {names.SINCE_ANNOTATION: NOW, names.PREVIOUS_ANNOTATION: hash_of(active)}
    if how == "made anew":
        metadata = {key: live["metadata"][key] for key in ("name", "labels", "ownerReferences")} | {
            "annotations": annotations
        }
        spec = {"selector": live["spec"]["selector"] | label, "ports": [{"port": 80}]}
        mallory.delete(SERVICE, namespace, "echo")
        # the operator may be faster than this; what it has made is turned then
        try:
            mallory.request("POST", SERVICE.path(namespace), {"metadata": metadata, "spec": spec})
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
            how = "patched"
    if how != "made anew":
        patch = {"metadata": {"annotations": annotations}, "spec": {"selector": label}}
        turned = mallory.merge(SERVICE, namespace, "echo", patch)
        until(lambda: version(service(attacked, namespace)) != version(turned), "it is written")
    until(lambda: selected(attacked, namespace) == name_of(active), "A has the traffic again")
    assert attacked.status(namespace)["active"]["revision"] == hash_of(active)
    FakeJobs(attacked).end(job, FAILED)
    demand_withdrawal(attacked, active, candidate)


def test_what_the_operator_relies_on_is_not_the_tenants_to_write(
    attacked: World, mallory: World, namespace: str, active: Object
) -> None:
    metadata = {"name": "echo", "namespace": namespace}
    revision = {"metadata": {**metadata, "name": name_of(active)}, "revision": 9}
    copy = {"metadata": {"name": "copy", "namespace": namespace}, "spec": {}}
    pod = {"metadata": {**metadata, "name": f"{name_of(active)}-worker"}, "status": {}}
    job = {"metadata": {**metadata, "name": "any"}, "status": {}}
    attempts: list[tuple[kinds.Kind, Object, str | None]] = [
        (MD, {"metadata": metadata, "status": {"rollout": {}}}, "status"),
        (kinds.CONTROLLERREVISION, revision, None),
        (RAYSERVICE, copy, None),
        (kinds.POD, pod, "status"),
        (JOB, job, "status"),
    ]
    for kind, manifest, subresource in attempts:
        with pytest.raises(urllib.error.HTTPError) as error:
            mallory.apply(kind, manifest, subresource, manager="mallory")
        assert error.value.code == 403, f"{kind}: {error.value.msg}"


def copied(world: World, rayservice: Object) -> None:
    """As `kubectl get -o yaml`, another name and `kubectl create` leave it; KubeRay runs it."""
    kept = ("labels", "annotations", "ownerReferences")
    given = {key: rayservice["metadata"][key] for key in kept if key in rayservice["metadata"]}
    namespace = rayservice["metadata"]["namespace"]
    manifest = {
        "apiVersion": RAYSERVICE.api_version,
        "kind": RAYSERVICE.name,
        "metadata": {**given, "name": "aaa-debug", "namespace": namespace},
        "spec": rayservice["spec"],
    }
    copy = world.request("POST", RAYSERVICE.path(namespace), manifest)
    FakeKubeRay(world).run(copy)


def test_a_copied_rayservice_stops_neither_a_new_commit_nor_a_rollback(
    attacked: World, app: FakeApp, operator: OperatorProcess, namespace: str, active: Object
) -> None:
    copied(attacked, active)
    copy = attacked.get(RAYSERVICE, namespace, "aaa-debug") or {}
    spec = {"source": source("b" * 40), "rollout": {"drainSeconds": 120, "bakeSeconds": 120}}
    change(attacked, namespace, spec)
    candidate = other(attacked, namespace, active, copy)
    app.broken.add(f"{namespace}/echo")
    try:
        FakeKubeRay(attacked).run(candidate)
        name = name_of(candidate)
        until(lambda: selected(attacked, namespace) == name, "B has the traffic")
        until(lambda: selected(attacked, namespace) == name_of(active), "A has it back")
    finally:
        app.broken.clear()
    assert "aaa-debug" in operator.log
    left = attacked.get(RAYSERVICE, namespace, "aaa-debug") or {}
    assert left["metadata"]["uid"] == copy["metadata"]["uid"]
