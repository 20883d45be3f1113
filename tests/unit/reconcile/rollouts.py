"""A rollout on a stage: revision A answers, and B comes."""

from typing import Any

from bastaix.api import names
from bastaix.reconcile.kinds import MODELDEPLOYMENT
from bastaix.rollout.record import Record
from tests.unit.bodies import with_field
from tests.unit.reconcile.stage import NAME, Stage, answering

COMMIT = "spec.source.git.commit"
B, C = "b" * 40, "c" * 40
FAILED = {"status": "DEPLOY_FAILED", "message": "ModuleNotFoundError: No module named 'x'"}


def with_candidate(**fields: Any) -> tuple[Stage, str, str]:
    """Revision A answers and has been baked, B was just started: the names of their RayServices."""
    stage = answering(**fields)
    stage.clock.forward(3600)
    a = stage.rayservice["metadata"]["name"]
    stage.set(COMMIT, B)
    stage.run()
    b = next(iter(there(stage) - {a}), "")
    return stage, a, b


def promoted(**fields: Any) -> tuple[Stage, str, str]:
    """B has just got the traffic from A."""
    stage, a, b = with_candidate(**fields)
    stage.bring_up(b)
    stage.run()
    assert stage.selected == b
    return stage, a, b


def there(stage: Stage) -> set[str]:
    return {each["metadata"]["name"] for each in stage.rayservices}


def outcome(stage: Stage, name: str) -> Record:
    """What is remembered of a revision, by the name of its RayService."""
    return stage.memory.records.get(name.rpartition("-")[2], Record())


def ask_for(stage: Stage, request: str) -> None:
    body = stage.cluster.body(MODELDEPLOYMENT, NAME)
    annotated = with_field(body, "metadata.annotations", {})
    annotated["metadata"]["annotations"] = {names.REQUEST_ANNOTATION: request}
    stage.cluster.put(MODELDEPLOYMENT, annotated)


def generation(stage: Stage) -> int:
    return int(stage.cluster.body(MODELDEPLOYMENT, NAME)["metadata"]["generation"])


def serves(stage: Stage) -> bool:
    return stage.condition("Serving")["status"] == "True"


def unplaced(stage: Stage, name: str, suffix: str = "") -> None:
    """A Pod of it has found no node, from now on."""
    now = stage.clock.now.isoformat()
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient memory.",
        "lastTransitionTime": now,
    }
    stage.make_pod("worker", {"phase": "Pending", "conditions": [condition]}, name, suffix)
