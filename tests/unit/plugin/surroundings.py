"""What belongs to the ModelDeployments of `examples`, as the API server would give it."""

from typing import Any

from bastaix.plugin.around import Around, Unread
from bastaix.plugin.seen import Seen
from bastaix.reconcile.kinds import CONTROLLERREVISION, JOB, POD, RAYCLUSTER, RAYSERVICE, Kind
from tests.unit.observe.scenes import app, container, pod, raycluster, ready
from tests.unit.plugin.examples import BAD, GOOD, REVISIONS, UID, trial

TRACEBACK = """\x1b[36mray::deploy_serve_application()\x1b[39m
  File "/bastaix/source/app.py", line 3, in <module>
    from transformers import AutoModel
  File "/usr/lib/python3/site-packages/transformers/__init__.py", line 9, in <module>
    import sentencepiece
ModuleNotFoundError: No module named 'sentencepiece'"""
MISSING = "ModuleNotFoundError: No module named 'sentencepiece'"


def of(hash: str, rayservice: dict[str, Any], *pods: dict[str, Any]) -> dict[Kind, list[Any]]:
    rayservice["metadata"] = {
        **rayservice["metadata"],
        "name": f"smollm2-{hash}",
        "labels": {**rayservice["metadata"]["labels"], "serving.bastaix.dev/revision": hash},
    }
    cluster = raycluster(hash)
    own(rayservice, {"kind": "ModelDeployment", "name": "smollm2", "uid": UID})
    own(cluster, reference("RayService", rayservice))
    for each in pods:
        own(each, reference("RayCluster", cluster))
    return {RAYSERVICE: [rayservice], RAYCLUSTER: [cluster], POD: list(pods)}


def own(body: dict[str, Any], owner: dict[str, Any]) -> None:
    """Have it controlled by this one."""
    body["metadata"]["uid"] = f"uid-of-{body['metadata']['name']}"
    body["metadata"]["ownerReferences"] = [{**owner, "controller": True}]


def reference(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "name": body["metadata"]["name"], "uid": body["metadata"]["uid"]}


def running(hash: str) -> dict[Kind, list[Any]]:
    pods = (ready(role, f"smollm2-{hash}-{role}", hash) for role in ("head", "worker"))
    return of(hash, app("RUNNING", side="active"), *pods)


def broken(hash: str) -> dict[Kind, list[Any]]:
    """Its app is refused by Ray Serve for a module, and its worker was killed for its memory."""
    ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-01-02T11:58:00Z"}
    state = {**container(terminated=ended), "restartCount": 3, "lastState": {"terminated": ended}}
    worker = pod("worker", f"smollm2-{hash}-worker", hash, containerStatuses=[state])
    head = ready("head", f"smollm2-{hash}-head", hash)
    return of(hash, app("DEPLOY_FAILED", TRACEBACK), head, worker)


def around(
    seen: Seen,
    *parts: dict[Kind, list[Any]],
    unread: dict[Kind, Unread] | None = None,
) -> Around:
    objects = {
        kind: tuple(each for part in parts for each in part.get(kind, ()))
        for kind in (RAYSERVICE, RAYCLUSTER, POD, JOB)
        if kind not in (unread or {})
    }
    return Around(seen, {CONTROLLERREVISION: tuple(REVISIONS), **objects}, unread=unread or {})


TROUBLED = around(trial("LoadingModel"), running(GOOD), broken(BAD))
"""The operator has not looked since the app was refused."""
