"""When the log of a worker is read: once for each failure that Ray Serve cannot explain."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bastaix.observe.logs import AGAIN_SECONDS
from bastaix.observe.observed import Observed
from bastaix.reconcile import logs
from bastaix.reconcile.cluster import NoAnswer, Refused
from bastaix.reconcile.logs import MOST_TRIES, Logs
from tests.unit.observe.test_logs import DIED, LOST, NO_ROOM, failed
from tests.unit.reconcile.fakes import Clock, FakeCluster

NAME = ("demo", "smollm2")


@dataclass
class Counting(FakeCluster):
    asked: int = 0
    mood: str = "answers"

    async def log(self, pod: Mapping[str, Any]) -> str:
        self.asked += 1
        if self.mood == "denies":
            raise Refused(403, "Forbidden", "pods/log is forbidden")
        if self.mood == "breaks":
            raise NoAnswer("the log came to no end")
        if self.mood == "fails":
            raise Refused(503, "ServiceUnavailable", "the node does not answer")
        if self.mood == "hangs":
            await asyncio.Event().wait()
        return f"(EngineCore pid=1) ERROR 11-28 07:00:00 [core.py:8] {NO_ROOM}\n"


@pytest.fixture
def cluster() -> Counting:
    return Counting(Clock())


def told(read: Logs, observed: Observed) -> Mapping[str, tuple[str, ...] | None]:
    return asyncio.run(read.told(NAME, observed)).logs


def test_a_log_is_read_once_a_failure(cluster: Counting) -> None:
    read = Logs(cluster, cluster.clock)
    for _ in range(3):
        assert told(read, failed(DIED)) == {"uid-0": (NO_ROOM,)}
    assert cluster.asked == 1
    told(read, failed(LOST))
    assert cluster.asked == 2


def test_what_is_well_again_is_forgotten(cluster: Counting) -> None:
    read = Logs(cluster, cluster.clock)
    told(read, failed(DIED))
    assert told(read, failed("KeyError: 'a'")) == {}
    told(read, failed(DIED))
    assert cluster.asked == 2


def test_what_may_not_be_read_is_asked_for_once(cluster: Counting) -> None:
    read = Logs(cluster, cluster.clock)
    cluster.mood = "denies"
    for _ in range(2):
        assert told(read, failed(DIED)) == {"uid-0": ()}
    assert cluster.asked == 1


@pytest.mark.parametrize("mood", ["breaks", "fails", "hangs"])
def test_what_cannot_be_read_now_is_tried_again_and_not_for_ever(
    cluster: Counting, mood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LONGEST_SECONDS", 0.01)
    cluster.mood = mood
    read = Logs(cluster, cluster.clock)
    for tries in range(1, MOST_TRIES):
        for _ in range(2):  # one look observes several times
            assert told(read, failed(DIED)) == {"uid-0": None}
        assert cluster.asked == tries
        cluster.clock.forward(AGAIN_SECONDS * 2 ** (tries - 1))
    for _ in range(2):
        assert told(read, failed(DIED)) == {"uid-0": ()}
        cluster.clock.forward(600)
    assert cluster.asked == MOST_TRIES


def test_what_was_read_at_the_second_try_is_known(cluster: Counting) -> None:
    read = Logs(cluster, cluster.clock)
    cluster.mood = "breaks"
    told(read, failed(DIED))
    cluster.mood = "answers"
    cluster.clock.forward(AGAIN_SECONDS)
    assert told(read, failed(DIED)) == {"uid-0": (NO_ROOM,)}
