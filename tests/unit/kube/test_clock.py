"""Time is the API server's, whatever the local clock says."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bastaix.kube.clock import ServerClock

TRUE = datetime(2026, 1, 1, 12, tzinfo=UTC)


class World:
    """The API server's time is the true one; `elapsed` runs with it."""

    def __init__(self, skew: timedelta) -> None:
        self.seconds = 5000.0
        self.clock = ServerClock(lambda: self.seconds, lambda: self.true + skew)

    @property
    def true(self) -> datetime:
        return TRUE + timedelta(seconds=self.seconds - 5000.0)

    def ask(self, *, there: float, back: float) -> None:
        sent = self.clock.elapsed()
        self.seconds += there
        date = format_datetime(self.true.replace(microsecond=0), usegmt=True)
        self.seconds += back
        self.clock.read(date, sent)

    @property
    def error(self) -> float:
        return (self.clock.now() - self.true).total_seconds()


@pytest.mark.parametrize("hours", [-2, 2, 24 * 365])
def test_a_local_clock_that_is_hours_off_counts_for_nothing(hours: int) -> None:
    world = World(timedelta(hours=hours))
    for number in range(20):
        world.ask(there=0.01, back=0.02)
        world.seconds += 0.37 + number
        assert abs(world.error) <= 1.1
    assert abs(world.error) < 0.5  # many answers tell more than whole seconds


def test_a_local_clock_that_is_right_is_left_alone() -> None:
    world = World(timedelta())
    for _ in range(20):
        world.ask(there=0.2, back=0.3)
        world.seconds += 0.77
    assert world.clock.offset == 0.0


def test_an_answer_that_took_long_moves_nothing_by_more_than_it_took() -> None:
    world = World(timedelta())
    world.ask(there=20, back=9)
    assert world.clock.offset == 0.0


def test_a_clock_that_drifts_is_followed() -> None:
    world = World(timedelta())
    world.ask(there=0, back=0)
    world.clock._origin -= timedelta(seconds=90)  # a laptop slept: its monotonic clock stood still
    world.ask(there=0, back=0)
    assert abs(world.error) <= 1.1


@pytest.mark.parametrize("date", [None, "", "yesterday", "Thu, 99 Jan 2026 12:00:00 GMT"])
def test_an_answer_without_a_date_changes_nothing(date: str | None) -> None:
    world = World(timedelta(hours=2))
    world.clock.read(date, 0.0)
    assert world.clock.offset == 0.0
