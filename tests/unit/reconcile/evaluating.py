"""The end of an evaluation, as the operator sees it."""

import json
from typing import Any

from bastaix.api.evaluation import EXIT_CODES
from bastaix.reconcile.kinds import JOB, POD
from tests.unit.reconcile.stage import Stage

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
            "labels": metadata["labels"],
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
    stage.cluster.put(JOB, {**job, "status": {"conditions": [over]}})
