"""One ModelDeployment with everything around it that the reconciler sees, for tests."""

import asyncio
from typing import Any

from bastaix.reconcile.answers import Answers
from bastaix.reconcile.kinds import MODELDEPLOYMENT, POD, RAYCLUSTER, RAYSERVICE
from bastaix.reconcile.reconciler import Reconciler
from tests.unit.bodies import body, refused, verified, with_field
from tests.unit.reconcile.fakes import Clock, FakeCluster, FakeProbe, Notebook, status_of

NAME = ("demo", "smollm2")


class Stage:
    """One ModelDeployment, its code verified, the reconciler and all that is around it."""

    def __init__(self, *, checked: bool = True, **fields: Any) -> None:
        self.clock = Clock()
        self.cluster = FakeCluster(self.clock)
        self.probe = FakeProbe()
        self.notes = Notebook()
        self.reconciler = self.restarted()
        given = body()
        for field, value in fields.items():
            given = with_field(given, field.replace("__", "."), value)
        self.cluster.put(MODELDEPLOYMENT, verified(given) if checked else given)

    def restarted(self) -> Reconciler:
        """A reconciler that remembers nothing."""
        answers = Answers(self.probe, self.notes, self.clock)
        return Reconciler(self.cluster, answers, self.notes, self.notes, self.clock)

    def run(self) -> float | None:
        return asyncio.run(self.reconciler.reconcile(NAME))

    def set(self, field: str, value: Any, *, checked: bool = True) -> None:
        """What the user changes, and what the source controller says of it."""
        before = self.cluster.body(MODELDEPLOYMENT, NAME)
        before["metadata"]["generation"] += 1
        changed = with_field(before, field, value)
        self.cluster.put(MODELDEPLOYMENT, verified(changed) if checked else changed)

    def verify(self, digest: str | None = None) -> None:
        found = self.cluster.body(MODELDEPLOYMENT, NAME)
        self.cluster.put(MODELDEPLOYMENT, verified(found, digest))

    def refuse(self, reason: str, message: str) -> None:
        found = self.cluster.body(MODELDEPLOYMENT, NAME)
        self.cluster.put(MODELDEPLOYMENT, refused(found, reason, message))

    @property
    def rayservice(self) -> dict[str, Any]:
        (found,) = asyncio.run(self.cluster.owned(RAYSERVICE, NAME))
        return found

    @property
    def ready(self) -> dict[str, Any]:
        return self.condition("Ready")

    def condition(self, type: str) -> dict[str, Any]:
        conditions = status_of(self.cluster, NAME)["conditions"]
        (found,) = [each for each in conditions if each["type"] == type]
        return dict(found)

    def writes(self) -> list[str]:
        """What was written since it was asked last."""
        written, self.cluster.writes = self.cluster.writes, []
        return written

    def bring_up(self) -> None:
        """What KubeRay and Kubernetes do once the RayService is there."""
        rayservice = self.rayservice
        name, labels = rayservice["metadata"]["name"], rayservice["metadata"]["labels"]
        one = {"status": "RUNNING", "message": ""}
        status = {"activeServiceStatus": {"applicationStatuses": {"app": one}}}
        self.cluster.put(RAYSERVICE, {**rayservice, "status": status})
        metadata = {"namespace": "demo", "name": name, "labels": labels}
        metadata["ownerReferences"] = [controlled_by(rayservice)]
        spec = rayservice["spec"]["rayClusterConfig"]
        self.cluster.put(RAYCLUSTER, {"metadata": metadata, "spec": spec})
        for role in ("head", "worker"):
            self.turn(role, ready=True)

    def turn(self, role: str, *, ready: bool) -> None:
        metadata = self.rayservice["metadata"]
        serves = "true" if role == "worker" else "false"
        labels = {"ray.io/node-type": role, "ray.io/serve": serves, **metadata["labels"]}
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        pod = {
            "metadata": {
                "namespace": "demo",
                "name": role,
                "labels": labels,
                "ownerReferences": [{"kind": "RayCluster", "name": "x", "controller": True}],
            },
            "spec": {"containers": [{"name": "ray", "image": "x"}]},
            "status": {"phase": "Running", "conditions": [condition]},
        }
        self.cluster.put(POD, pod)

    def take_down(self) -> None:
        """What garbage collection does once a RayService is gone."""
        for kind in (RAYCLUSTER, POD):
            for found in asyncio.run(self.cluster.owned(kind, NAME)):
                self.cluster.vanish(kind, ("demo", found["metadata"]["name"]))


def controlled_by(owner: dict[str, Any]) -> dict[str, Any]:
    metadata = owner["metadata"]
    reference = {"kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return {**reference, "controller": True}


def answering() -> Stage:
    stage = Stage()
    stage.run()
    stage.bring_up()
    stage.run()
    assert stage.ready["status"] == "True"
    stage.writes()
    return stage
