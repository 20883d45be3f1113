"""When a container ends again and again: counted over time, and the same in all its moments."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.observe.diagnose import diagnose
from bastaix.observe.pods import ENDS, SOON, hindrance
from tests.unit.observe.scenes import HASH, UP, app, pod, rayservice, ready, scene

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}}
CREATING = {"waiting": {"reason": "ContainerCreating"}}


def stamp(before: timedelta) -> str:
    return (NOW - before).isoformat()


def ended(
    ran: timedelta = timedelta(seconds=5),
    before: timedelta = timedelta(seconds=30),
    **said: Any,
) -> dict[str, Any]:
    times = {"startedAt": stamp(before + ran), "finishedAt": stamp(before)}
    return {"terminated": {"exitCode": 1, "reason": "Error", **times, **said}}


def running(since: timedelta = timedelta(seconds=10)) -> dict[str, Any]:
    return {"running": {"startedAt": stamp(since)}}


def container(state: dict[str, Any], restarts: int, last: dict[str, Any]) -> dict[str, Any]:
    found = {"name": "ray", "image": "ray:1", "restartCount": restarts}
    return {**found, "state": state, "lastState": last}


MOMENTS = {
    "waits": container(BACK_OFF, ENDS - 1, ended()),
    "has just ended": container(ended(), ENDS - 1, ended(before=timedelta(minutes=1))),
    "is made anew": container(CREATING, ENDS - 1, ended()),
    "runs again": container(running(), ENDS, ended()),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=list(MOMENTS))
@pytest.mark.parametrize("role", ["head", "worker"])
@pytest.mark.parametrize("is_ready", [False, True], ids=["not ready", "ready"])
def test_in_each_moment_of_its_loop_the_reason_is_the_same(
    role: str, is_ready: bool, moment: dict[str, Any]
) -> None:
    if is_ready and "running" not in moment["state"]:
        return
    looping = ready(role) if is_ready else pod(role, phase="Running")
    looping["status"]["containerStatuses"] = [moment]
    pods = (looping,) if role == "head" else (ready("head"), looping)
    found = diagnose(scene(rayservice=app("DEPLOYING"), pods=pods, at=NOW, **UP), HASH)
    assert found.reason == reasons.CRASH_LOOPING
    assert found.object == f"Pod/p-{role}"
    assert found.message == (
        f"{role} Pod p-{role}, container ray, has ended {ENDS} times,"
        " the last time with exit code 1: Error"
    )


@pytest.mark.parametrize(
    "moment",
    [
        container(BACK_OFF, 1, ended()),
        container(running(), ENDS - 1, ended()),
        container(running(timedelta(minutes=25)), 2, ended(timedelta(minutes=20))),
        container(running(), ENDS, ended(SOON)),
        container(running(SOON), ENDS, ended()),
        container(running(), 50, {"terminated": {"exitCode": 255, "startedAt": None}}),
    ],
    ids=[
        "it waits after two ends",
        "it ran twice",
        "twice in an hour",
        "it had run for long",
        "it runs for long",
        "nobody knows how long it ran",
    ],
)
def test_what_ends_seldom_is_in_no_loop(moment: dict[str, Any]) -> None:
    looping = pod("worker", phase="Running", containerStatuses=[moment])
    pods = (ready("head"), looping)
    found = diagnose(scene(rayservice=app("DEPLOYING"), pods=pods, at=NOW, **UP), HASH)
    assert found.reason == reasons.LOADING_MODEL


def test_one_worker_in_a_loop_beside_one_that_runs_hinders_no_start() -> None:
    looping = pod("worker", "p-2", phase="Running", containerStatuses=[MOMENTS["waits"]])
    pods = (ready("head"), looping, ready("worker"))
    found = diagnose(scene(rayservice=app("DEPLOYING"), pods=pods, at=NOW, **UP), HASH)
    assert found.reason == reasons.LOADING_MODEL


@pytest.mark.parametrize("state", [BACK_OFF, running()], ids=["waits", "runs again"])
def test_a_loop_of_kills_for_memory_is_out_of_memory_throughout(state: dict[str, Any]) -> None:
    moment = container(state, ENDS, ended(exitCode=137, reason="OOMKilled"))
    looping = pod("head", phase="Running", containerStatuses=[moment])
    found = diagnose(scene(rayservice=rayservice(), pods=(looping,), at=NOW, **UP), HASH)
    assert found.reason == reasons.OUT_OF_MEMORY


def test_what_the_program_said_last_is_in_the_message() -> None:
    moment = container(BACK_OFF, ENDS, ended(message="Traceback:\nray: not found\n"))
    found = hindrance(pod("head", phase="Running", containerStatuses=[moment]), NOW)
    assert found is not None
    assert found.message.endswith("exit code 1: ray: not found")


def test_an_init_container_that_is_through_is_in_no_loop() -> None:
    done = container(ended(exitCode=0, reason="Completed"), ENDS, ended())
    waiting = pod("head", initContainerStatuses=[{**done, "ready": True}])
    assert hindrance(waiting, NOW) is None


def test_one_whose_pod_has_ended_or_lacks_something_now_is_called_by_that() -> None:
    over = pod("head", phase="Failed", containerStatuses=[MOMENTS["has just ended"]])
    found = hindrance(over, NOW)
    assert found is not None
    assert found.reason == reasons.POD_FAILED
    lacking = {
        "waiting": {"reason": "CreateContainerConfigError", "message": 'secret "a" not found'}
    }
    without = pod("head", containerStatuses=[container(lacking, ENDS, ended())])
    found = hindrance(without, NOW)
    assert found is not None
    assert found.reason == reasons.CONFIG_MISSING


def test_without_a_time_one_that_runs_is_in_no_loop() -> None:
    again = pod("head", phase="Running", containerStatuses=[MOMENTS["runs again"]])
    assert hindrance(again, None) is None
