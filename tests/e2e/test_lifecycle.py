"""What becomes of a running deployment when its spec, its operator or its cluster changes."""

import json
from collections.abc import Callable

from demo import steps
from demo.kubectl import kubectl
from tests.e2e.deployed import Deployed, Node


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
    deploy_echo: Callable[[str], Deployed],
) -> None:
    deployed = deploy_echo("scaled")
    before_revision = deployed.wait_ready()["status"]["active"]["revision"]
    before = serving_pods(deployed)

    deployed.patch({"scaling": {"minReplicas": 2, "maxReplicas": 2}})
    deployed.wait("a second worker", lambda: len(serving_pods(deployed)) == len(before) + 1, 180)
    deployed.wait("two ready replicas", lambda: deployed.read()["status"]["replicas"]["ready"] == 2)

    after = serving_pods(deployed)
    assert {uid: after.get(uid) for uid in before} == before, "a Pod was replaced or restarted"
    assert deployed.wait_ready()["status"]["active"]["revision"] == before_revision
    kubectl("delete", "md", deployed.name, "-n", deployed.namespace)


def test_suspend_frees_the_pods_and_resume_brings_the_same_revision_back(
    deploy_echo: Callable[[str], Deployed],
) -> None:
    deployed = deploy_echo("paused")
    revision = deployed.wait_ready()["status"]["active"]["revision"]

    deployed.patch({"suspend": True})
    deployed.wait("no Pod left", lambda: not deployed.listed("pods"))
    deployed.wait(
        "condition Suspended",
        lambda: steps.conditions(deployed.read())["Ready"]["reason"] == "Suspended",
    )
    found = steps.conditions(deployed.read())
    assert not [kind for kind in found if found[kind]["status"] == "True"]
    assert deployed.address, "the name stays"

    deployed.patch({"suspend": False})
    assert deployed.wait_ready()["status"]["active"]["revision"] == revision
    kubectl("delete", "md", deployed.name, "-n", deployed.namespace)


def test_a_change_of_arguments_makes_a_new_revision_that_answers(
    deploy_echo: Callable[[str], Deployed],
) -> None:
    deployed = deploy_echo("changed")
    first = deployed.wait_ready()["status"]["active"]["revision"]

    deployed.patch({"model": {"id": "echo-2"}})
    second = deployed.wait_ready()["status"]["active"]["revision"]

    assert second != first
    assert [item["metadata"]["name"] for item in deployed.listed("rayservices")] == [
        f"changed-{second}"
    ]
    assert "hello" in steps.text(steps.ask(deployed.address, "echo-2", "hello"))
    kubectl("delete", "md", deployed.name, "-n", deployed.namespace)


def test_the_endpoint_outlives_the_chart_and_a_new_operator_changes_nothing(
    real_node: Node, deploy_echo: Callable[[str], Deployed]
) -> None:
    deployed = deploy_echo("outlives")
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
    kubectl("delete", "md", deployed.name, "-n", deployed.namespace)


def test_deletion_takes_every_child_along(deploy_echo: Callable[[str], Deployed]) -> None:
    deployed = deploy_echo("deleted")
    deployed.wait("a RayService", lambda: bool(deployed.listed("rayservices")))
    kubectl("delete", "md", deployed.name, "-n", deployed.namespace)
    for kind in ("rayservices", "controllerrevisions", "services", "pods"):
        deployed_gone = lambda kind=kind: not deployed.listed(kind)  # noqa: E731
        deployed.progress.wait(f"no {kind} left", deployed_gone, seconds=120)
