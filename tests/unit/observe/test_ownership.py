"""Whose is an object that bears our labels?"""

from typing import Any

import pytest

from bastaix.observe.ownership import Family, family, is_controlled_by

NAME, UID, HASH = "smollm2", "uid-1", "0a1b2c3d"
MD = {"kind": "ModelDeployment", "name": NAME, "uid": UID}
LABELS = {"serving.bastaix.dev/name": NAME, "serving.bastaix.dev/revision": HASH}


def obj(kind: str, name: str, owner: dict[str, str] | None, **labels: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "uid": f"uid-of-{name}"}
    metadata["labels"] = {**LABELS, **{f"serving.bastaix.dev/{key}": labels[key] for key in labels}}
    if owner is not None:
        metadata["ownerReferences"] = [{**owner, "controller": True}]
    return {"kind": kind, "metadata": metadata}


def of(owner: dict[str, Any]) -> dict[str, str]:
    metadata = owner["metadata"]
    return {"kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}


SERVICE = obj("RayService", f"{NAME}-{HASH}", MD)
CLUSTER = obj("RayCluster", f"{NAME}-{HASH}-x1y2z", of(SERVICE))
POD = obj("Pod", "worker", of(CLUSTER))
JOB = obj("Job", f"{NAME}-{HASH}-eval", MD, evaluation=HASH)
JOB_POD = obj("Pod", "eval", of(JOB), evaluation=HASH)


def told(*objects: dict[str, Any]) -> Family:
    kinds = {"RayService": "rayservices", "RayCluster": "rayclusters", "Pod": "pods", "Job": "jobs"}
    given: dict[str, Any] = {kind: [] for kind in kinds.values()}
    for each in objects:
        given[kinds[each["kind"]]].append(each)
    return family(NAME, UID, **given)


def test_ours_is_what_hangs_on_the_modeldeployment_by_uids() -> None:
    found = told(SERVICE, CLUSTER, POD, JOB, JOB_POD)
    assert (found.rayservices, found.rayclusters) == ((SERVICE,), (CLUSTER,))
    assert (found.pods, found.jobs) == ((POD, JOB_POD), (JOB,))
    assert found.leftovers == found.strangers == ()


@pytest.mark.parametrize(
    "stranger",
    [
        obj("RayService", "aaa-debug", MD),  # a copy keeps the owner of what it was copied from
        obj("RayService", f"{NAME}-{HASH}", None),
        obj("RayService", f"{NAME}-{HASH}", {**MD, "name": "another", "uid": "uid-2"}),
        obj("RayCluster", "debug", None),
        obj("RayCluster", "debug", of(SERVICE), revision="ffffffff"),
        obj("Pod", "debug", None),
        obj("Pod", "debug", of(SERVICE)),
        obj("Pod", "debug", of(CLUSTER), revision="ffffffff"),
        obj("Pod", "debug", {"kind": "ReplicaSet", "name": "web", "uid": "uid-3"}),
        obj("Job", "debug", MD, evaluation=HASH),
        obj("Job", f"{NAME}-{HASH}-eval", None, evaluation=HASH),
    ],
)
def test_what_only_bears_the_labels_is_a_stranger(stranger: dict[str, Any]) -> None:
    stranger["metadata"]["uid"] = "uid-of-stranger"
    found = told(SERVICE, CLUSTER, POD, stranger)
    assert found.strangers == (stranger,)
    assert (found.rayservices, found.rayclusters) == ((SERVICE,), (CLUSTER,))
    assert (found.pods, found.jobs, found.leftovers) == ((POD,), (), ())


def test_all_that_hangs_on_a_copy_is_as_strange_as_the_copy() -> None:
    copy = obj("RayService", "aaa-debug", MD)
    cluster = obj("RayCluster", "aaa-debug-x1y2z", of(copy))
    pod = obj("Pod", "debug-worker", of(cluster))
    assert told(copy, cluster, pod).strangers == (copy, cluster, pod)


def test_what_lost_its_owner_is_left_over_and_serves_nobody() -> None:
    found = told(CLUSTER, POD)
    assert found.leftovers == (CLUSTER, POD)
    assert (found.rayclusters, found.pods, found.strangers) == ((), (), ())


def test_what_a_modeldeployment_of_this_name_had_before_is_left_over() -> None:
    before = obj("RayService", f"{NAME}-{HASH}", {**MD, "uid": "uid-0"})
    assert told(before, CLUSTER, POD).leftovers == (before, CLUSTER, POD)


def test_the_pod_of_an_evaluation_that_has_gone_is_not_worth_a_word() -> None:
    found = told(SERVICE, JOB_POD)
    assert (found.pods, found.leftovers, found.strangers) == ((), (), ())


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        ([{"uid": "u", "controller": True}], True),
        ([{"uid": "u"}], False),
        ([{"uid": "other", "controller": True}], False),
        (None, False),
    ],
)
def test_only_its_controller_owns_an_object(references: Any, expected: bool) -> None:
    assert is_controlled_by({"metadata": {"ownerReferences": references}}, "u") is expected
