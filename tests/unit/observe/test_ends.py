"""Pods of Ray that end are replaced: what counts as an end, and what several of them mean."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.observe.diagnose import diagnose
from bastaix.observe.ends import LOOP, SOON, end
from bastaix.observe.observed import End, Observed
from tests.unit.observe.scenes import HASH, UP, app, pod, rayservice, ready, running, scene

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def stamp(seconds: float) -> str:
    return (AT + timedelta(seconds=seconds)).isoformat()


def crashed(role: str = "head", name: str = "one", **state: Any) -> dict[str, Any]:
    """Half a minute ago."""
    ended = {"exitCode": 1, "reason": "Error", "finishedAt": stamp(-30), **state}
    found = {"name": f"ray-{role}", "image": "ray:1", "state": {"terminated": ended}}
    made = pod(role, name, phase="Failed", containerStatuses=[found])
    made["metadata"]["uid"] = f"uid-of-{name}"
    made["metadata"]["creationTimestamp"] = stamp(-60)
    return made


def deleted(body: dict[str, Any], at: float) -> dict[str, Any]:
    """Told to go then, with half a minute to do so."""
    metadata = {**body["metadata"], "deletionTimestamp": stamp(at + 30)}
    return {**body, "metadata": {**metadata, "deletionGracePeriodSeconds": 30}}


def ends(
    count: int, ago: timedelta = timedelta(0), role: str = "head", **state: Any
) -> tuple[End, ...]:
    """One after another: each Pod was created when the one before had ended."""
    found = []
    for n in range(count):
        at = (AT - ago - timedelta(seconds=30 - n)).isoformat()
        made = crashed(role, f"p-{n}", **{"finishedAt": at, **state})
        made["metadata"]["creationTimestamp"] = (AT - ago - timedelta(seconds=31 - n)).isoformat()
        found.append(end(made, AT))
    return tuple(each for each in found if each is not None)


def begun(seconds: float = -3600) -> dict[str, Any]:
    made = rayservice({"observedGeneration": 1})
    made["metadata"]["creationTimestamp"] = stamp(seconds)
    return made


def starting(told: tuple[End, ...]) -> Observed:
    """Another head has been made."""
    return scene(rayservice=begun(), pods=(pod("head"),), ends=told, at=AT, **UP)


def test_a_pod_that_was_told_to_go_before_it_ended_has_not_failed() -> None:
    assert end(crashed(), AT) is not None
    assert end(deleted(crashed(), at=-29), AT) is not None
    assert end(deleted(crashed(), at=-31), AT) is None


def test_what_ended_well_before_it_was_told_to_go_is_no_end() -> None:
    """KubeRay's init container waits for the head, long ago; what was told to go may well fail."""
    told = crashed("worker", finishedAt=stamp(-5))
    waited = {"exitCode": 0, "reason": "Completed", "finishedAt": stamp(-3600)}
    told["status"]["initContainerStatuses"] = [
        {"name": "wait-gcs-ready", "image": "ray:1", "state": {"terminated": waited}}
    ]
    assert end(deleted(told, at=-10), AT) is None


def test_workers_that_end_together_are_no_loop() -> None:
    told = []
    for n in range(LOOP):
        made = crashed("worker", f"w-{n}", finishedAt=stamp(-20 + n))
        made["metadata"]["creationTimestamp"] = stamp(-300)
        told.append(end(made, AT))
    seen = scene(
        rayservice=begun(),
        pods=(ready("head"),),
        ends=tuple(each for each in told if each is not None),
        at=AT,
        **UP,
    )
    assert diagnose(seen, HASH).reason == reasons.POD_FAILED


def test_the_end_of_a_worker_says_why_its_replica_was_lost() -> None:
    lost = app("DEPLOY_FAILED", "ActorDiedError: The actor died unexpectedly")
    lost["metadata"]["creationTimestamp"] = stamp(-3600)
    out = {**crashed("worker", "w")["status"], "reason": "Evicted", "message": "low on memory"}
    gone = end({**crashed("worker", "w"), "status": out}, AT)
    assert gone is not None
    seen = scene(rayservice=lost, pods=(ready("head"), running("worker")), at=AT, **UP)
    assert diagnose(seen, HASH).reason == reasons.REPLICA_LOST
    assert diagnose(replace(seen, ends=(gone,)), HASH).reason == reasons.EVICTED


def test_while_a_lost_head_is_made_anew_its_workers_are_not_blamed() -> None:
    ran = app("RUNNING", side="active")
    told = ends(LOOP, role="worker")
    for heads in ((), (pod("head"),)):
        seen = scene(rayservice=ran, pods=heads, ends=told, at=AT, **UP)
        assert diagnose(seen, HASH).reason == reasons.HEAD_LOST


def test_ends_of_an_earlier_start_are_not_told_of_this_one() -> None:
    told = ends(LOOP)
    assert diagnose(starting(told), HASH).reason == reasons.CRASH_LOOPING
    seen = scene(rayservice=begun(-10), pods=(pod("head"),), ends=told, at=AT, **UP)
    assert diagnose(seen, HASH).reason == reasons.PULLING_IMAGE


@pytest.mark.parametrize(
    "living",
    [ready("head"), running("worker"), pod("head")],
    ids=["ready", "running", "pending"],
)
def test_what_runs_has_not_ended(living: dict[str, Any]) -> None:
    assert end(living, AT) is None


def test_the_end_of_a_job_is_none_of_a_ray_cluster() -> None:
    job = crashed()
    del job["metadata"]["labels"]["ray.io/node-type"]
    assert end(job, AT) is None


def test_an_end_is_told_until_the_next_pod_is_ready() -> None:
    told = ends(1, message="exec: ray: not found")
    found = diagnose(starting(told), HASH)
    assert found.reason == reasons.POD_FAILED
    assert "ended with exit code 1: exec: ray: not found" in found.message
    up = scene(rayservice=begun(), pods=(ready("head"),), ends=told, at=AT, **UP)
    assert diagnose(up, HASH).reason == reasons.STARTING_RAY


def test_of_two_containers_that_ended_the_one_that_says_why_is_told() -> None:
    both = crashed(message="exec: ray: not found")
    beside = {"terminated": {"exitCode": 127, "reason": "Error"}}
    first = {"name": "autoscaler", "image": "ray:1", "state": beside}
    both["status"]["containerStatuses"].insert(0, first)
    found = end(both, AT)
    assert found is not None
    assert (
        "container ray-head, ended with exit code 1: exec: ray: not found" in found.finding.message
    )


def test_several_ends_soon_after_one_another_are_a_loop() -> None:
    assert diagnose(starting(ends(LOOP - 1)), HASH).reason == reasons.POD_FAILED
    found = diagnose(starting(ends(LOOP)), HASH)
    assert found.reason == reasons.CRASH_LOOPING
    assert found.message.startswith("3 head Pods have ended one after another, the last: ")
    assert found.object == "Pod/p-2"


def test_ends_of_long_ago_say_nothing() -> None:
    assert diagnose(starting(ends(LOOP, ago=SOON)), HASH).reason == reasons.PULLING_IMAGE


def test_a_loop_for_want_of_memory_keeps_its_name() -> None:
    told = ends(LOOP, reason="OOMKilled", exitCode=137)
    assert diagnose(starting(told), HASH).reason == reasons.OUT_OF_MEMORY


def test_ends_of_another_revision_or_role_are_not_told_of_this_one() -> None:
    other = diagnose(starting(ends(LOOP)), "00000000")
    assert other.reason.heals == "itself"
    workers = tuple(each for each in (end(crashed("worker", "w"), AT),) if each is not None)
    seen = scene(rayservice=begun(), pods=(ready("head"),), ends=workers, at=AT, **UP)
    assert diagnose(seen, HASH).reason == reasons.POD_FAILED


def test_a_worker_that_runs_after_others_were_put_out_is_not_taken_for_a_fresh_start() -> None:
    out = {**crashed("worker", "w")["status"], "reason": "Evicted", "message": "low on disk"}
    gone = {**crashed("worker", "w"), "status": out}
    told = tuple(each for each in (end(gone, AT),) if each is not None)
    loading = {"rayservice": begun(), "ends": told, "at": AT}
    again = scene(**loading, pods=(ready("head"), running("worker")), **UP)
    assert diagnose(again, HASH).reason == reasons.EVICTED
    up = scene(**loading, pods=(ready("head"), ready("worker")), **UP)
    assert diagnose(up, HASH).reason == reasons.STARTING_RAY
