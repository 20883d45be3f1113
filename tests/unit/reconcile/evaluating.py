"""A rollout in which B is evaluated, and how its evaluation ends as the operator sees it."""

import json
from dataclasses import replace
from typing import Any

from bastaix.api import names
from bastaix.api.evaluation import EXIT_CODES
from bastaix.reconcile.kinds import JOB, MODELDEPLOYMENT, POD
from bastaix.rollout.memory import fields
from bastaix.rollout.record import Record
from tests.unit.reconcile.rollouts import COMMIT, B, there
from tests.unit.reconcile.stage import IMAGE, NAME, Stage

GATE = {"dataset": {"path": "evals/golden.jsonl"}, "minPassRate": 0.9}
PASSED = {"outcome": "Passed", "message": "pass rate 1", "passRate": 1.0, "cases": 5}
FAILED = {
    "outcome": "Failed",
    "message": "pass rate 0.2 is 0.7 too low",
    "passRate": 0.2,
    "failed": ["italy", "japan", "sum", "topics"],
}


def jobs(stage: Stage) -> list[dict[str, Any]]:
    return stage.listed(JOB)


def end(stage: Stage, result: dict[str, Any]) -> None:
    """What the Job controller and the kubelet do when `bastaix eval` is over."""
    (job,) = [each for each in jobs(stage) if "status" not in each]
    metadata = job["metadata"]
    terminated = {"exitCode": EXIT_CODES[result["outcome"]], "message": json.dumps(result)}
    pod = {
        "metadata": {
            "namespace": "demo",
            "name": f"{metadata['name']}-x",
            "labels": {**metadata["labels"], names.JOB_UID_LABEL: metadata["uid"]},
            "ownerReferences": [{"kind": "Job", "uid": metadata["uid"], "controller": True}],
        },
        "status": {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "bastaix-eval", "state": {"terminated": terminated}}],
        },
    }
    stage.cluster.put(POD, pod)
    over = {
        "type": "Complete" if result["outcome"] == "Passed" else "Failed",
        "status": "True",
        "lastTransitionTime": stage.clock.now.isoformat(),
    }
    count = {"succeeded" if over["type"] == "Complete" else "failed": 1}
    stage.cluster.put(JOB, {**job, "status": {"conditions": [over], **count}})


def evaluating(**rollout: Any) -> tuple[Stage, str, str]:
    """A has passed and serves; B answers and is being evaluated."""
    gate = {**GATE, **rollout.pop("gate", {})}
    stage = Stage(spec__rollout={**rollout, "gate": gate})
    stage.run()
    stage.bring_up()
    stage.run()
    end(stage, PASSED)
    stage.run()
    assert stage.ready["status"] == "True"
    stage.clock.forward(3600)
    a = stage.rayservice["metadata"]["name"]
    stage.set(COMMIT, B)
    stage.run()
    (b,) = there(stage) - {a}
    stage.bring_up(b)
    stage.run()
    assert stage.ready["reason"] == "Evaluating", stage.ready
    return stage, a, b


def remember(stage: Stage, name: str, **changed: Any) -> None:
    """Change what is remembered of one revision."""
    hash = name.rpartition("-")[2]
    known = stage.memory
    record = replace(known.records.get(hash, Record()), **changed)
    body = stage.cluster.body(MODELDEPLOYMENT, NAME)
    body["status"]["rollout"] = fields(replace(known, records={**known.records, hash: record}))
    stage.cluster.put(MODELDEPLOYMENT, body)


def args(stage: Stage) -> list[str]:
    """Of the Job that runs."""
    (job,) = [each for each in jobs(stage) if "status" not in each]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    return list(container["args"])
