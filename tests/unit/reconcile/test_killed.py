"""An operator that is killed after any of its writes leaves nothing that another cannot go on with.

Each story is told once without a death, which counts its writes, and then once for each write
with the operator dying right after it. All must end alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bastaix.reconcile.cluster import Answer
from bastaix.reconcile.kinds import RAYSERVICE, Kind
from bastaix.rollout.watch import SETTLE_SECONDS
from tests.unit.reconcile.evaluating import FAILED, GATE, PASSED, end, jobs
from tests.unit.reconcile.fakes import FakeCluster, status_of
from tests.unit.reconcile.stage import NAME, Stage, answering

COMMIT, OTHER = "spec.source.git.commit", "b" * 40
GIVEN_UP = {"status": "DEPLOY_FAILED", "message": "ModuleNotFoundError: No module named 'tiktoken'"}
ERROR = {"outcome": "Error", "message": "no request was answered"}
LONGEST_SECONDS = 60.0
"""Between two looks: what the world does wakes the operator long before its own time is up."""


class Killed(BaseException):
    """What no handler catches."""


class MortalCluster(FakeCluster):
    """Its operator dies right after so many more writes."""

    left: int | None = None
    serving: list[str]
    """Each word on it that was written."""

    def _count(self) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left <= 0:
            self.left = None
            raise Killed

    async def create(
        self, kind: Kind, manifest: Mapping[str, Any], *, is_new: bool = False
    ) -> dict[str, Any]:
        created = await super().create(kind, manifest, is_new=is_new)
        self._count()
        return created

    async def apply(
        self, kind: Kind, manifest: Mapping[str, Any], *, rehearsal: bool = False
    ) -> None:
        await super().apply(kind, manifest, rehearsal=rehearsal)
        if not rehearsal:
            self._count()

    async def apply_status(self, kind: Kind, manifest: Mapping[str, Any]) -> frozenset[str]:
        conditions = manifest["status"]["conditions"]
        self.serving += [each["status"] for each in conditions if each["type"] == "Serving"]
        omitted = await super().apply_status(kind, manifest)
        self._count()
        return omitted

    async def patch(self, kind: Kind, body: Mapping[str, Any], operations: Sequence[Any]) -> None:
        await super().patch(kind, body, operations)
        self._count()

    async def delete(self, kind: Kind, body: Mapping[str, Any]) -> None:
        await super().delete(kind, body)
        self._count()


@dataclass(frozen=True)
class Story:
    rollout: Mapping[str, Any]
    fails: bool = False
    """The candidate's app is given up by Serve."""
    spoils: bool = False
    """The candidate answers, and no more once it has the traffic."""
    results: tuple[Mapping[str, Any], ...] = ()
    """How the candidate's evaluations end, one after another."""
    waits: bool = False
    """The candidate's Pods wait for their volumes at first."""


STORIES = {
    "blue-green": Story({}),
    "withdrawn": Story({}, fails=True),
    "recreate-and-back": Story({"strategy": "Recreate"}, fails=True),
    "turned-back": Story({}, spoils=True, waits=True),
    "evaluated": Story({"gate": GATE}, results=(ERROR, PASSED)),
    "too-bad": Story({"gate": GATE}, results=(FAILED,)),
}


def prepared(story: Story) -> tuple[Stage, MortalCluster]:
    stage = answering()
    cluster = MortalCluster(stage.clock)
    cluster.__dict__.update(stage.cluster.__dict__)
    cluster.serving = []
    stage.cluster = cluster
    stage.reconciler = stage.restarted()
    stage.clock.forward(3600)
    stage.run()
    stage.set("spec.rollout", dict(story.rollout))
    stage.set(COMMIT, OTHER)
    return stage, cluster


def look(stage: Stage) -> float | None:
    """One look; whoever dies is followed by another that remembers nothing."""
    try:
        return stage.run()
    except Killed:
        stage.reconciler = stage.restarted()
        return 0.0


def settled(stage: Stage, story: Story) -> None:
    """Let time pass and the world do its part until nothing is left to do."""
    (first,) = [each["metadata"]["name"] for each in stage.rayservices] or [""]
    results = list(story.results)
    waiting = {first} if story.waits else None
    quiet = 0
    while quiet < 3:
        before = len(stage.cluster.writes)
        after = look(stage)
        stage.take_down()
        for each in stage.rayservices:
            name = each["metadata"]["name"]
            if not {"activeServiceStatus", "pendingServiceStatus"} & set(each["status"]):
                if waiting is not None and name not in waiting:
                    waiting.add(name)
                    hold_volumes_back(stage, name)
                    continue
                stage.bring_up(name)
                if story.fails and name != first:
                    stage.say(GIVEN_UP, name)
        if any("status" not in each for each in jobs(stage)):
            # one that nobody came to know of is made once more
            end(stage, dict(results.pop(0) if len(results) > 1 else results[0]))
        if story.spoils and stage.selected != first:
            stage.probe.behind[NAME[1]] = Answer("wrong", "no")
        else:
            stage.probe.behind.clear()
        quiet = quiet + 1 if after is None and len(stage.cluster.writes) == before else 0
        stage.clock.forward(min(LONGEST_SECONDS if after is None else after, LONGEST_SECONDS))


def hold_volumes_back(stage: Stage, name: str) -> None:
    """One Pod is on a node that cannot mount its volume, another's claim has no volume yet."""
    scheduled = {"type": "PodScheduled", "lastTransitionTime": stage.clock.now.isoformat()}
    for role, status in (("head", "True"), ("worker", "False")):
        pod = {"phase": "Pending", "conditions": [{**scheduled, "status": status}]}
        stage.make_pod(role, pod, name, claim="weights")
    message = 'MountVolume.SetUp failed for volume "token": secret "hf-token" not found'
    stage.cluster.told[f"{name}-head"] = [{"reason": "FailedMount", "message": message}]
    metadata = {"namespace": NAME[0], "name": "weights", "uid": "uid-of-weights"}
    stage.cluster.claims["weights"] = {"metadata": metadata, "status": {"phase": "Pending"}}
    stage.cluster.told["weights"] = [{"reason": "ProvisioningFailed", "message": "no space"}]


def ending(stage: Stage) -> dict[str, Any]:
    """What must be the same, which times are not."""
    records = stage.memory.records
    status = status_of(stage.cluster, NAME)
    return {
        "rayservices": sorted(each["metadata"]["name"] for each in stage.listed(RAYSERVICE)),
        "selected": stage.selected,
        "outcomes": {name: (each.outcome, each.reason) for name, each in records.items()},
        "conditions": {
            each["type"]: (each["status"], each["reason"]) for each in status["conditions"]
        },
        "active": status["active"]["revision"],
    }


def told(story: Story, dies_after: int | None) -> tuple[dict[str, Any], int]:
    stage, cluster = prepared(story)
    cluster.left = dies_after
    before = len(cluster.writes)
    settled(stage, story)
    assert cluster.left is None or dies_after is None, "it never died"
    writes = [each for each in cluster.writes[before:] if not each.startswith("rehearse")]
    return ending(stage), len(writes)


@pytest.mark.parametrize("name", STORIES)
def test_a_death_after_any_write_changes_nothing_about_the_end(name: str) -> None:
    story = STORIES[name]
    wanted, writes = told(story, None)
    assert writes > 3
    for number in range(1, writes + 1):
        assert told(story, number)[0] == wanted, f"killed after write {number}"


@pytest.mark.parametrize(
    ("name", "expect"),
    [
        ("blue-green", lambda end: end["conditions"]["Ready"] == ("True", "Ready")),
        ("withdrawn", lambda end: end["conditions"]["Stalled"] == ("True", "DependencyMissing")),
        ("evaluated", lambda end: end["conditions"]["Ready"] == ("True", "Ready")),
        ("too-bad", lambda end: end["conditions"]["Stalled"] == ("True", "EvaluationFailed")),
        ("turned-back", lambda end: end["conditions"]["Ready"] == ("False", "WrongAnswer")),
    ],
)
def test_the_stories_end_as_they_should(
    name: str, expect: Callable[[dict[str, Any]], bool]
) -> None:
    end, _ = told(STORIES[name], None)
    assert expect(end), end
    assert end["conditions"]["Serving"][0] == "True"
    assert len(end["rayservices"]) == 1


def killed_at_the_promotion() -> tuple[Stage, MortalCluster]:
    for number in range(1, 20):
        stage, cluster = prepared(STORIES["blue-green"])
        first = stage.selected
        stage.run()
        (candidate,) = {each["metadata"]["name"] for each in stage.rayservices} - {first}
        stage.bring_up(candidate)
        cluster.left = number
        look(stage)
        if stage.selected == candidate:
            return stage, cluster
    raise AssertionError("the candidate is never promoted")


def test_one_that_comes_long_after_a_promotion_takes_back_nothing_that_was_said() -> None:
    stage, cluster = killed_at_the_promotion()
    stage.clock.forward(4 * SETTLE_SECONDS)
    cluster.serving = []
    look(stage)
    assert set(cluster.serving) == {"True"}
    assert status_of(cluster, NAME)["active"]["revision"] in stage.selected
