"""One ModelDeployment with everything around it that the reconciler sees, for tests."""

import asyncio
from typing import Any

from bastaix.api import names
from bastaix.reconcile.answers import Answers
from bastaix.reconcile.first_answers import FirstAnswers
from bastaix.reconcile.index import name_of
from bastaix.reconcile.kinds import (
    MODELDEPLOYMENT,
    POD,
    RAYCLUSTER,
    RAYSERVICE,
    SERVICE,
    Kind,
)
from bastaix.reconcile.reconciler import Reconciler
from bastaix.render.evaluation import OwnImage
from bastaix.rollout.memory import Memory, recorded
from tests.unit.bodies import body, refused, verified, with_field
from tests.unit.reconcile.fakes import Clock, FakeCluster, FakeProbe, Notebook, status_of

NAME = ("demo", "smollm2")
IMAGE = "bastaix:1"


class Stage:
    """One ModelDeployment, its code verified, the reconciler and all that is around it."""

    def __init__(self, *, checked: bool = True, **fields: Any) -> None:
        self.clock = Clock()
        self.cluster = FakeCluster(self.clock)
        self.probe = FakeProbe()
        self.notes = Notebook()
        self.image: OwnImage | None = OwnImage(IMAGE)
        self.reconciler = self.restarted()
        given = body()
        for field, value in fields.items():
            given = with_field(given, field.replace("__", "."), value)
        self.cluster.put(MODELDEPLOYMENT, verified(given) if checked else given)

    def restarted(self) -> Reconciler:
        """A reconciler that remembers nothing."""
        answers = Answers(self.probe, FirstAnswers(self.notes, self.clock), self.clock)
        return Reconciler(self.cluster, answers, self.notes, self.notes, self.clock, self.image)

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
        (found,) = self.rayservices
        return found

    @property
    def rayservices(self) -> list[dict[str, Any]]:
        """The oldest first."""
        found = asyncio.run(self.cluster.owned(RAYSERVICE, NAME))
        return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    @property
    def selected(self) -> str:
        """The name of the RayService that the stable Service leads to."""
        selector = self.cluster.body(SERVICE, NAME)["spec"]["selector"]
        return f"{NAME[1]}-{selector[names.REVISION_LABEL]}"

    @property
    def ready(self) -> dict[str, Any]:
        return self.condition("Ready")

    @property
    def status(self) -> dict[str, Any]:
        return status_of(self.cluster, NAME)

    @property
    def memory(self) -> Memory:
        found = recorded(self.cluster.body(MODELDEPLOYMENT, NAME))
        assert found is not None, "nothing is remembered"
        return found

    def condition(self, type: str) -> dict[str, Any]:
        conditions = self.status["conditions"]
        (found,) = [each for each in conditions if each["type"] == type]
        return dict(found)

    def writes(self) -> list[str]:
        """What was written since it was asked last."""
        written, self.cluster.writes = self.cluster.writes, []
        return written

    def bring_up(self, name: str | None = None) -> None:
        """What KubeRay and Kubernetes do once a RayService is there, else the newest."""
        self.say({"status": "RUNNING", "message": ""}, name)
        self.raycluster(name)
        for role in ("head", "worker"):
            self.turn(role, ready=True, name=name)

    def raycluster(self, name: str | None = None) -> dict[str, Any]:
        """That of a RayService, as KubeRay makes it unless it is there."""
        rayservice = self._named(name)
        metadata = rayservice["metadata"]
        place = ("demo", metadata["name"])
        if place not in {name_of(each["metadata"]) for each in self.listed(RAYCLUSTER)}:
            cluster = {
                "namespace": "demo",
                "name": metadata["name"],
                "labels": metadata["labels"],
                "ownerReferences": [controlled_by(rayservice)],
            }
            spec = rayservice["spec"]["rayClusterConfig"]
            self.cluster.put(RAYCLUSTER, {"metadata": cluster, "spec": spec})
        return self.cluster.body(RAYCLUSTER, place)

    def say(self, app: dict[str, Any], name: str | None = None) -> None:
        """What Ray Serve says of an app."""
        status = {
            "activeServiceStatus": {"applicationStatuses": {"app": app}},
            "numServeEndpoints": 1,
        }
        self.cluster.put(RAYSERVICE, {**self._named(name), "status": status})

    def turn(self, role: str, *, ready: bool, name: str | None = None) -> None:
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        self.make_pod(role, {"phase": "Running", "conditions": [condition]}, name)

    def make_pod(
        self,
        role: str,
        status: dict[str, Any],
        name: str | None = None,
        suffix: str = "",
        claim: str | None = None,
    ) -> None:
        """`claim` is the name of the PersistentVolumeClaim that it mounts."""
        metadata = self._named(name)["metadata"]
        labels = {"ray.io/node-type": role, "ray.io/serve": "true", **metadata["labels"]}
        pod = {
            "metadata": {
                "namespace": "demo",
                "name": f"{metadata['name']}-{role}{suffix}",
                "labels": labels,
                "ownerReferences": [controlled_by(self.raycluster(name))],
            },
            "spec": {"containers": [{"name": "ray", "image": "x"}]},
            "status": status,
        }
        if claim is not None:
            pod["spec"]["volumes"] = [{"persistentVolumeClaim": {"claimName": claim}}]
        self.cluster.put(POD, pod)

    def take_down(self) -> None:
        """What garbage collection does once a RayService is gone."""
        there = {each["metadata"]["name"] for each in self.rayservices}
        for kind in (RAYCLUSTER, POD):
            for found in asyncio.run(self.cluster.owned(kind, NAME)):
                name = found["metadata"]["name"]
                if not any(name.startswith(each) for each in there):
                    self.cluster.vanish(kind, ("demo", name))

    def listed(self, kind: Kind) -> list[dict[str, Any]]:
        return list(asyncio.run(self.cluster.owned(kind, NAME)))

    def _named(self, name: str | None) -> dict[str, Any]:
        if name is None:
            return self.rayservices[-1]
        return self.cluster.body(RAYSERVICE, ("demo", name))


def controlled_by(owner: dict[str, Any]) -> dict[str, Any]:
    metadata = owner["metadata"]
    reference = {"kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return {**reference, "controller": True}


def answering(**fields: Any) -> Stage:
    stage = Stage(**fields)
    stage.run()
    stage.bring_up()
    stage.run()
    assert stage.ready["status"] == "True"
    stage.writes()
    return stage
