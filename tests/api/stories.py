"""Rollouts from one commit to another with the fakes of `world`, each in a namespace of its own."""

import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from bastaix.reconcile import kinds
from bastaix.rollout.memory import recorded
from tests.api.world import (
    FakeApp,
    FakeJobs,
    FakeKubeRay,
    World,
    change,
    deploy,
    modeldeployment,
    selected,
    source,
)

RAYSERVICE = kinds.RAYSERVICE


@dataclass(frozen=True)
class Story:
    rollout: dict[str, Any]
    end: str
    """The reason of Ready in the end."""
    fails: bool = False
    spoils: bool = False
    result: dict[str, Any] | None = None
    """How evaluations of the candidate end."""


QUICK = {"drainSeconds": 1, "bakeSeconds": 1}
GATE = {"gate": {"dataset": {"path": "evals/golden.jsonl"}}}
STORIES = {
    "evaluated": Story({**QUICK, **GATE}, "Ready", result={"outcome": "Passed"}),
    "too-bad": Story({**QUICK, **GATE}, "EvaluationFailed", result={"outcome": "Failed"}),
    "blue-green": Story(QUICK, "Ready"),
    "withdrawn": Story(QUICK, "ServeFailed", fails=True),
    "recreate": Story({**QUICK, "strategy": "Recreate"}, "Ready"),
    "recreate-and-back": Story({**QUICK, "strategy": "Recreate"}, "ServeFailed", fails=True),
    "turned-back": Story({"drainSeconds": 60, "bakeSeconds": 60}, "WrongAnswer", spoils=True),
}


NOT_FOUND = 404


@contextmanager
def unless_it_went() -> Iterator[None]:
    """What was listed a moment ago may be gone; then nothing is to be done about it."""
    try:
        yield
    except urllib.error.HTTPError as error:
        if error.code != NOT_FOUND:
            raise


class Telling:
    """One story in a namespace: `begin`, `move` until it is begun, `turn`, `move` until its end."""

    def __init__(self, world: World, app: FakeApp, story: Story, namespace: str) -> None:
        self.namespace = world.namespace(namespace)
        self.story = story
        self._world = world
        self._app = app
        self._first = ""

    def begin(self) -> None:
        rollout = {key: value for key, value in self.story.rollout.items() if key != "gate"}
        deploy(self._world, modeldeployment(self.namespace, rollout=rollout))

    def turn(self) -> None:
        """Ask for another commit."""
        self._first = first = selected(self._world, self.namespace)
        if self.story.spoils:
            now = partial(selected, self._world, self.namespace)
            self._app.spoilt[f"{self.namespace}/echo"] = lambda: now() != first
        spec = {"source": source("b" * 40), "rollout": self.story.rollout}
        change(self._world, self.namespace, spec)

    def move(self) -> bool:
        """Do the world's part; whether the end is there, and nothing is left to go."""
        self._world_moves()
        reason = self.story.end if self._first else "Ready"
        md = self._world.get(kinds.MODELDEPLOYMENT, self.namespace, "echo") or {}
        ready = self._world.ready(self.namespace)
        one = len(self._world.list(RAYSERVICE, self.namespace)) == 1 or self.story.spoils
        serving = self._world.condition("Serving", self.namespace).get("status") == "True"
        is_current = ready.get("observedGeneration") == md["metadata"]["generation"]
        return is_current and ready.get("reason") == reason and one and serving

    def ending(self) -> dict[str, Any]:
        known = recorded(self._world.get(kinds.MODELDEPLOYMENT, self.namespace, "echo") or {})
        records = known.records if known is not None else {}
        status = self._world.status(self.namespace)
        return {
            "selected": selected(self._world, self.namespace),
            "outcomes": {hash: (each.outcome, each.reason) for hash, each in records.items()},
            "active": status["active"]["revision"],
            "stalled": self._world.condition("Stalled", self.namespace).get("reason"),
        }

    def _world_moves(self) -> None:
        world, namespace, story = self._world, self.namespace, self.story
        kuberay, there = FakeKubeRay(world), world.list(RAYSERVICE, namespace)
        names = {each["metadata"]["name"] for each in there}
        for cluster in world.list(kinds.RAYCLUSTER, namespace):
            owner = cluster["metadata"]["ownerReferences"][0]["name"]
            if owner not in names:
                kuberay.remove({"metadata": {"namespace": namespace, "name": owner}})
        for each in there:
            name = each["metadata"]["name"]
            if "activeServiceStatus" in (each.get("status") or {}):
                continue
            with unless_it_went():
                if story.fails and self._first not in ("", name):
                    kuberay.fail(each, "KeyError: 1")
                else:
                    kuberay.run(each)
        if story.result is not None:
            self._evaluate(story.result)

    def _evaluate(self, result: dict[str, Any]) -> None:
        """Each Job once; the Pods of one that was made anew under its name are collected first."""
        jobs = self._world.list(kinds.JOB, self.namespace)
        uids = {each["metadata"]["uid"] for each in jobs}
        for pod in self._world.list(kinds.POD, self.namespace):
            owner = pod["metadata"]["ownerReferences"][0]
            if owner["kind"] == kinds.JOB.name and owner["uid"] not in uids:
                path = kinds.POD.path(self.namespace, pod["metadata"]["name"])
                with unless_it_went():
                    self._world.request("DELETE", path, {"gracePeriodSeconds": 0})
        for job in jobs:
            if "conditions" not in (job.get("status") or {}):
                with unless_it_went():
                    FakeJobs(self._world).end(job, result)
