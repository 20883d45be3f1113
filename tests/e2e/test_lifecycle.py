"""What becomes of a running deployment when its spec, its operator or its cluster changes."""

import json
from functools import partial

from demo import steps
from demo.kubectl import kubectl
from tests.e2e.deployed import Deployed, Node


def none_listed(deployed: Deployed, kind: str) -> bool:
    return not deployed.listed(kind)


def serving_pods(deployed: Deployed) -> dict[str, int]:
    """Pod uid -> restarts of its Ray container, of head and workers."""
    return {
        pod["metadata"]["uid"]: sum(
            status["restartCount"] for status in pod["status"].get("containerStatuses", [])
        )
        for pod in deployed.listed("pods")
        if pod["status"]["phase"] == "Running"
    }


def test_a_scaling_edit_adds_a_replica_and_restarts_nothing(
    fresh_echo: Deployed,
) -> None:
    deployed = fresh_echo
    before_revision = deployed.wait_ready()["status"]["active"]["revision"]
    before = serving_pods(deployed)

    deployed.patch({"scaling": {"minReplicas": 2, "maxReplicas": 2}})
    deployed.wait("a second worker", lambda: len(serving_pods(deployed)) == len(before) + 1, 180)
    deployed.wait("two ready replicas", lambda: deployed.read()["status"]["replicas"]["ready"] == 2)

    after = serving_pods(deployed)
    assert {uid: after.get(uid) for uid in before} == before, "a Pod was replaced or restarted"
    assert deployed.wait_ready()["status"]["active"]["revision"] == before_revision


def test_suspend_frees_the_pods_and_resume_brings_the_same_revision_back(
    fresh_echo: Deployed,
) -> None:
    deployed = fresh_echo
    revision = deployed.wait_ready()["status"]["active"]["revision"]

    deployed.patch({"suspend": True})
    deployed.wait("no Pod left", lambda: not deployed.listed("pods"))
    deployed.wait(
        "condition Suspended",
        lambda: steps.conditions(deployed.read())["Ready"]["reason"] == "Suspended",
    )
    found = steps.conditions(deployed.read())
    assert [kind for kind in found if found[kind]["status"] == "True"] == ["SourceVerified"]
    assert deployed.address, "the name stays"

    deployed.patch({"suspend": False})
    assert deployed.wait_ready()["status"]["active"]["revision"] == revision


def test_a_change_of_arguments_makes_a_new_revision_that_answers(
    fresh_echo: Deployed,
) -> None:
    deployed = fresh_echo
    first = deployed.wait_ready()["status"]["active"]["revision"]

    deployed.patch({"model": {"id": "echo-2"}, "rollout": {"drainSeconds": 1, "bakeSeconds": 1}})
    second = deployed.wait_ready()["status"]["active"]["revision"]

    assert second != first
    deployed.wait(
        "the old RayService to be gone",
        lambda: (
            [item["metadata"]["name"] for item in deployed.listed("rayservices")]
            == [f"{deployed.name}-{second}"]
        ),
    )
    assert "hello" in steps.text(steps.ask(deployed.address, "echo-2", "hello"))


def test_the_endpoint_outlives_the_chart_and_a_new_operator_changes_nothing(
    real_node: Node, fresh_echo: Deployed
) -> None:
    deployed = fresh_echo
    deployed.wait_ready()
    before = serving_pods(deployed)
    (rayservice,) = deployed.listed("rayservices")

    steps.uninstall_operator()
    try:
        assert "hello" in steps.text(steps.ask(deployed.address, "echo-1", "hello"))
        assert json.loads(kubectl("get", "md", "-n", deployed.namespace, "-o", "json"))["items"]
    finally:
        steps.install_operator(real_node.images["operator"])

    deployed.wait_ready()
    (after,) = deployed.listed("rayservices")
    assert after["metadata"]["generation"] == rayservice["metadata"]["generation"]
    assert serving_pods(deployed) == before


def test_deletion_takes_every_child_along(fresh_echo: Deployed) -> None:
    deployed = fresh_echo
    deployed.wait("a RayService", lambda: bool(deployed.listed("rayservices")))
    kubectl("delete", "md", deployed.name, "-n", deployed.namespace)
    for kind in ("rayservices", "controllerrevisions", "services", "pods"):
        gone = partial(none_listed, deployed, kind)
        deployed.progress.wait(f"no {kind} left", gone, seconds=120)
