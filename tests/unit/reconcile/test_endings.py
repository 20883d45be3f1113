"""The ends of Pods are remembered although the Pods are gone, each once, and not for ever."""

from datetime import timedelta
from typing import Any

from bastaix.observe.ends import SOON
from bastaix.observe.observed import Observed
from bastaix.reconcile.endings import MOST, Endings
from tests.unit.bodies import body
from tests.unit.observe.test_ends import crashed
from tests.unit.reconcile.fakes import Clock

NAME = ("demo", "smollm2")


class Room:
    def __init__(self) -> None:
        self.clock = Clock()
        self.endings = Endings(self.clock)

    def look(self, *pods: dict[str, Any]) -> list[str]:
        seen = self.endings.told(NAME, Observed(md_body=body(), pods=pods))
        return [each.uid for each in seen.ends]


def test_an_end_is_told_once_and_stays_when_the_pod_is_gone() -> None:
    room = Room()
    one, two = crashed(name="one"), crashed(name="two")
    assert room.look(one) == ["uid-of-one"]
    assert room.look(one, two) == ["uid-of-one", "uid-of-two"]
    assert room.look() == ["uid-of-one", "uid-of-two"]


def test_ends_are_forgotten_after_a_while_and_with_the_modeldeployment() -> None:
    room = Room()
    room.look(crashed(name="one"))
    room.clock.now += SOON + timedelta(seconds=1)
    assert room.look() == []
    room.look(crashed(name="two"))
    room.endings.forget(NAME)
    assert room.look() == []


def test_the_oldest_of_very_many_goes() -> None:
    room = Room()
    for number in range(MOST + 1):
        room.look(crashed(name=str(number)))
    found = room.look()
    assert len(found) == MOST
    assert "uid-of-0" not in found
