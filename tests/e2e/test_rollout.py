"""Another revision on the real node: it gets the traffic once it has answered, or never.

Throughout, a client asks the stable Service without a pause; it must never notice.
"""

from typing import Any

import pytest

from demo import steps
from demo.kubectl import kubectl
from tests.e2e.asking import Asking
from tests.e2e.deployed import Deployed
from tests.e2e.variants import (
    MODEL,
    QUICK,
    Commit,
    change,
    rayservices,
    ready,
    revisions_with_pods,
    uids,
)


@pytest.fixture
def running(fresh_echo: Deployed) -> Deployed:
    """Revision A answers."""
    fresh_echo.patch({"rollout": QUICK})
    fresh_echo.wait_ready()
    return fresh_echo


def test_another_commit_takes_over_without_a_failed_request(
    running: Deployed, commit: Commit
) -> None:
    a = running.read()["status"]["active"]
    made = commit("# the next version")
    with Asking(running.address, MODEL) as asking:
        change(running, made)
        running.wait("a candidate", lambda: "candidate" in running.read()["status"])
        assert running.read()["status"]["active"] == a
        running.wait_ready()
        running.wait("A's Pods to be gone", lambda: len(revisions_with_pods(running)) == 1)
    assert asking.failures == []
    assert asking.answered > 20
    status = running.read()["status"]
    assert status["active"]["commit"] == made
    assert [each["outcome"] for each in status["history"]] == ["Promoted", "Promoted"]


def test_a_commit_that_cannot_be_imported_never_gets_traffic_and_is_withdrawn(
    running: Deployed, commit: Commit
) -> None:
    a = running.read()["status"]["active"]
    before = rayservices(running)
    with Asking(running.address, MODEL) as asking:
        change(running, commit("import a_package_that_nobody_has"))
        running.wait("a verdict", lambda: ready(running).get("reason") == "DependencyMissing", 180)
        running.wait("B to be gone", lambda: rayservices(running) == before)
        running.wait("B's Pods to be gone", lambda: len(revisions_with_pods(running)) == 1)
    assert asking.failures == []
    assert "a_package_that_nobody_has" in ready(running)["message"]
    found = steps.conditions(running.read())
    assert found["Stalled"]["status"] == "True"
    assert found["Serving"]["status"] == "True"
    assert running.read()["status"]["active"] == a


@pytest.mark.long
@pytest.mark.parametrize(
    ("args", "reason", "known"),
    [
        (
            {"llm_configs": [{"engine_kwarg": {}}]},
            "ArgumentsRejected",
            "did you mean 'engine_kwargs'?",
        ),
        (
            {"echo": {"crash": "constructor", "crash_message": "the weights are torn"}},
            "ConstructorFailed",
            "torn",
        ),
    ],
    ids=["an argument that nobody knows", "a crash in the constructor"],
)
def test_arguments_that_the_app_cannot_start_with_never_get_traffic(
    running: Deployed, args: dict[str, Any], reason: str, known: str
) -> None:
    before = rayservices(running)
    with Asking(running.address, MODEL) as asking:
        running.patch({"app": {"args": args}})
        running.wait("a verdict", lambda: ready(running).get("reason") == reason, 240)
        running.wait("B to be gone", lambda: rayservices(running) == before)
        running.wait("B's Pods to be gone", lambda: len(revisions_with_pods(running)) == 1)
    assert asking.failures == []
    assert known in ready(running)["message"]
    assert steps.conditions(running.read())["Serving"]["status"] == "True"


@pytest.mark.long
def test_going_back_during_the_drain_restarts_nothing(running: Deployed, commit: Commit) -> None:
    running.patch({"rollout": {**QUICK, "drainSeconds": 120}})
    git = running.read()["spec"]["source"]["git"]
    (a,) = uids(running)
    with Asking(running.address, MODEL) as asking:
        change(running, commit("# left at once"))
        running.wait_ready()
        assert len(uids(running)) == 2
        running.patch({"source": {"git": git}})
        running.wait_ready(seconds=30)
        assert a in uids(running)
        assert running.read()["status"]["active"]["commit"] == git["commit"]
        running.wait("B to be gone", lambda: uids(running) == {a}, 240)
    assert asking.failures == []


def test_one_that_finds_no_room_is_withdrawn_with_the_schedulers_words(running: Deployed) -> None:
    before = rayservices(running)
    with Asking(running.address, MODEL) as asking:
        large = {"resources": {"memory": "500Gi"}, "rollout": {"progressDeadlineSeconds": 25}}
        running.patch(large)
        running.wait(
            "InsufficientCapacity", lambda: ready(running).get("reason") == "InsufficientCapacity"
        )
        running.wait("B to be gone", lambda: rayservices(running) == before)
        # back in the middle of what waits for its next try
        running.patch({"resources": {"memory": "2Gi"}, "rollout": QUICK})
        running.wait_ready()
    assert asking.failures == []
    assert rayservices(running) == before


KILLED = {
    "the operator": (steps.SYSTEM_NAMESPACE, "app.kubernetes.io/component=operator"),
    "the source controller": (steps.SYSTEM_NAMESPACE, "app.kubernetes.io/component=source"),
    "KubeRay": ("kuberay-system", "app.kubernetes.io/name=kuberay"),
}


@pytest.mark.parametrize(
    "who",
    [
        "the operator",
        pytest.param("the source controller", marks=pytest.mark.long),
        pytest.param("KubeRay", marks=pytest.mark.long),
    ],
)
def test_a_rollout_goes_on_when_a_controller_was_killed_in_the_middle(
    running: Deployed, commit: Commit, who: str
) -> None:
    made = commit(f"# {who} is killed")
    namespace, label = KILLED[who]
    with Asking(running.address, MODEL) as asking:
        change(running, made)
        if who != "the source controller":
            running.wait("a candidate", lambda: "candidate" in running.read()["status"])
        words = ("-n", namespace, "-l", label)
        killed = kubectl("delete", "pod", *words, "--grace-period=0", "--force")
        running.wait_ready(seconds=300)
    assert "deleted" in killed
    assert asking.failures == []
    assert running.read()["status"]["active"]["commit"] == made
