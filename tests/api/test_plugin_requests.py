"""What `kubectl bastaix` asks for has its effect: the operator is real, KubeRay is a named fake."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bastaix.plugin.commands import main
from bastaix.reconcile import kinds
from tests.api.operator_process import until
from tests.api.world import (
    FakeKubeRay,
    World,
    change,
    deploy,
    modeldeployment,
    only,
    other,
    selected,
    source,
)

RAYSERVICE = kinds.RAYSERVICE
QUICK = {"drainSeconds": 1, "bakeSeconds": 1}

pytestmark = pytest.mark.usefixtures("operator")

Say = Callable[..., Result]


@pytest.fixture
def say(world: World, namespace: str) -> Say:
    def say(*words: str) -> Result:
        where = ["--kubeconfig", str(world.kubeconfig), "-n", namespace]
        return CliRunner().invoke(main, [*words, *where])

    return say


def hash_of(rayservice: dict[str, Any]) -> str:
    return str(rayservice["metadata"]["name"]).removeprefix("echo-")


def test_pause_promote_rollback_and_retry(world: World, namespace: str, say: Say) -> None:
    kuberay = FakeKubeRay(world)
    deploy(world, modeldeployment(namespace, rollout=QUICK))
    a = only(world, RAYSERVICE, namespace)
    kuberay.run(a)
    until(lambda: world.ready(namespace).get("status") == "True", "A is ready")
    assert say("retry", "echo").exit_code == 1

    change(world, namespace, {"source": source("b" * 40)})
    b = other(world, namespace, a)
    until(lambda: "candidate" in world.status(namespace), "B is the candidate")
    assert say("pause", "echo").exit_code == 0
    kuberay.run(b)
    until(lambda: world.ready(namespace)["reason"] == "Paused", "B waits")
    shown = say("status", "echo").stdout
    assert f"Active     {hash_of(a)}" in shown
    assert f"Candidate  {hash_of(b)}" in shown
    assert "waits for a word" in shown

    promised = say("promote", "echo").stdout
    assert f"revision {hash_of(b)} (commit bbbbbbbbbbbb) gets the traffic now" in promised
    until(lambda: selected(world, namespace) == f"echo-{hash_of(b)}", "B has the traffic")
    until(lambda: len(world.list(RAYSERVICE, namespace)) == 1, "A is drained")
    until(lambda: world.ready(namespace)["status"] == "True", "B is ready")
    kuberay.remove(a)
    table = [line.split() for line in say("history", "echo").stdout.splitlines()[1:]]
    assert [(row[1], row[3], row[7:]) for row in table] == [
        (hash_of(b), "Promoted", ["active"]),
        (hash_of(a), "Promoted", []),
    ]
    assert say("diff", "echo", hash_of(a), "active").exit_code == 1

    promised = say("rollback", "echo").stdout
    assert f"revision {hash_of(a)} (commit aaaaaaaaaaaa) becomes active again" in promised
    back = other(world, namespace, a, b)
    kuberay.run(back)
    until(lambda: selected(world, namespace) == f"echo-{hash_of(a)}", "A has the traffic")
    until(lambda: world.ready(namespace)["reason"] == "RolledBack", "it says so")

    assert "the revision of the spec" in say("retry", "echo").stdout
    until(
        lambda: (
            world.status(namespace).get("active", {}).get("revision") == hash_of(b)
            or world.status(namespace).get("candidate", {}).get("revision") == hash_of(b)
        ),
        "B is tried again",
    )


def test_a_candidate_can_be_given_up(world: World, namespace: str, say: Say) -> None:
    deploy(world, modeldeployment(namespace, rollout=QUICK))
    a = only(world, RAYSERVICE, namespace)
    FakeKubeRay(world).run(a)
    until(lambda: world.ready(namespace).get("status") == "True", "A is ready")
    change(world, namespace, {"source": source("b" * 40)})
    b = other(world, namespace, a)
    until(lambda: "candidate" in world.status(namespace), "B is the candidate")
    assert f"candidate {hash_of(b)} is given up" in say("rollback", "echo").stdout
    until(lambda: len(world.list(RAYSERVICE, namespace)) == 1, "B is gone")
    until(lambda: world.ready(namespace)["reason"] == "RolledBack", "it says so")
    assert selected(world, namespace) == f"echo-{hash_of(a)}"
