"""Who may work now: by namespace, and without anybody asking twice."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.reconcile.index import Name
from bastaix.source.turns import MOST_YIELDS, SAFE_SECONDS, Turns
from tests.unit.source.controller_fakes import Ticks


class Room:
    """Turns with everybody who was woken."""

    def __init__(self, *, at_once: int = 4, of_namespace: int = 2) -> None:
        self.ticks = Ticks()
        self.turns = Turns(at_once=at_once, of_namespace=of_namespace, clock=self.ticks.clock)
        self.woken: list[Name] = []

    def take(self, *names: Name) -> list[bool]:
        return [self.turns.take(name, self.wake(name)) for name in names]

    def wake(self, name: Name) -> Callable[[], None]:
        return lambda: self.woken.append(name)


def many(namespace: str, count: int) -> list[Name]:
    return [(namespace, str(number)) for number in range(count)]


def test_two_namespaces_that_want_all_leave_a_turn_for_a_third() -> None:
    room = Room()
    assert room.take(*many("a", 5)) == [True, True, False, False, False]
    assert room.take(*many("b", 5)) == [True, False, False, False, False]
    assert room.take(("c", "0")) == [True]
    assert room.woken == []


def test_who_gets_a_turn_later_is_woken_once_and_has_it() -> None:
    room = Room(at_once=1)
    room.take(("a", "0"), ("a", "1"), ("a", "1"))
    room.turns.release(("a", "0"))
    assert room.woken == [("a", "1")]
    assert room.take(("a", "1")) == [True]
    room.turns.release(("a", "1"))
    assert room.woken == [("a", "1")]


def test_the_next_turn_goes_to_the_namespace_that_has_had_the_least_time() -> None:
    room = Room(at_once=1, of_namespace=1)
    for namespace, seconds in (("greedy", 100), ("modest", 1)):
        room.take((namespace, "0"))
        room.ticks.forward(seconds)
        room.turns.release((namespace, "0"))
    room.take(("other", "0"))
    room.take(*many("greedy", 3), ("modest", "1"), ("new", "0"))
    order = [("other", "0")]
    while len(order) < 6:
        room.turns.release(order[-1])
        order.append(room.woken[-1])
    assert [name[0] for name in order[1:]] == ["new", "modest", "greedy", "greedy", "greedy"]
    assert [name[1] for name in order[3:]] == ["0", "1", "2"], "who came first is first"


def test_what_a_namespace_has_had_fades() -> None:
    room = Room(at_once=1)
    room.take(("a", "0"))
    room.ticks.forward(1000)
    room.turns.release(("a", "0"))
    room.ticks.forward(8000)
    room.take(("b", "0"))
    room.ticks.forward(1)
    room.turns.release(("b", "0"))
    room.take(("c", "0"))
    room.take(("b", "1"), ("a", "1"))
    room.turns.release(("c", "0"))
    assert room.woken == [("a", "1")]


def test_who_waits_no_more_is_not_woken() -> None:
    room = Room(at_once=1)
    room.take(("a", "0"), ("a", "1"), ("a", "2"))
    room.turns.release(("a", "1"))
    room.turns.release(("a", "0"))
    assert room.woken == [("a", "2")]


def test_a_long_turn_is_owed_to_a_namespace_without_one() -> None:
    room = Room(at_once=2)
    slow = ("slow", "0")
    room.take(slow, ("other", "0"))
    room.ticks.forward(SAFE_SECONDS + 1)
    assert not room.turns.must_yield(slow), "nobody waits"
    room.take(("other", "1"))
    assert not room.turns.must_yield(slow), "who waits has a turn"
    room.take(("new", "0"))
    assert room.turns.must_yield(slow)
    room.turns.give_up(slow, room.wake(slow))
    assert room.woken == [("new", "0")]


def test_nobody_is_sent_away_for_ever() -> None:
    room = Room(at_once=1, of_namespace=1)
    slow = ("slow", "0")
    room.take(slow)
    for number in range(MOST_YIELDS):
        room.ticks.forward(SAFE_SECONDS + 1)
        other = (f"new-{number}", "0")
        room.take(other)
        assert room.turns.must_yield(slow)
        room.turns.give_up(slow, room.wake(slow))
        room.turns.release(other)
        assert room.woken[-1] == slow
    room.ticks.forward(SAFE_SECONDS + 1)
    room.take(("new", "0"))
    assert not room.turns.must_yield(slow)


async def test_a_turn_for_a_block_is_given_back_however_the_block_ends() -> None:
    room = Room(at_once=1)
    with pytest.raises(ValueError, match="no"):
        async with room.turns.turn(("a", "0")):
            raise ValueError("no")
    async with room.turns.turn(("a", "0")):
        waiting = asyncio.create_task(room.turns.turn(("b", "0")).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
    assert room.take(("c", "0")) == [True]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["take", "release", "give_up", "time"]),
            st.sampled_from("abcd"),
            st.integers(0, 3).map(str),
        ),
        max_size=80,
    )
)
def test_no_turn_is_lost_and_none_is_given_twice(story: list[tuple[str, str, str]]) -> None:
    room = Room(at_once=3)
    for verb, *key in story:
        name = (key[0], key[1])
        if verb == "take":
            room.take(name)
        elif verb == "release":
            room.turns.release(name)
        elif verb == "give_up" and name in room.turns._began:
            room.turns.give_up(name, room.wake(name))
        else:
            room.ticks.forward(30)
        held = [holder[0] for holder in room.turns._began]
        assert len(held) <= 3
        assert all(held.count(namespace) <= 2 for namespace in held)
        assert not set(room.turns._began) & set(room.turns._waiting)
        free, idle = 3 - len(held), {name[0] for name in room.turns._waiting} - set(held)
        assert not (free and idle), "a namespace without a turn waits for a free one"
