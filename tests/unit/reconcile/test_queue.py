"""The queue, in the event loop's own time: hours pass in no time, and always alike."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import looptime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bastaix.reconcile.queue import (
    FIRST_BACKOFF,
    JITTER,
    LAST_BACKOFF,
    LAST_TRANSIENT_BACKOFF,
    Queue,
)

Work = Callable[[str], Awaitable[float | None]]


class Broken(Exception):
    pass


@dataclass
class Notes:
    """Who wants to know how the queue does, and keeps it."""

    waits: list[float] = field(default_factory=list)
    errors: list[BaseException | None] = field(default_factory=list)

    def started(self, waited: float) -> None:
        self.waits.append(waited)

    def finished(self, took: float, error: BaseException | None) -> None:
        self.errors.append(error)


def in_loop_time(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = looptime.new_event_loop(start=0.0)
    try:
        loop.run_until_complete(asyncio.wait_for(story(), 100_000))
    finally:
        loop.close()


def make(work: Work, *, notes: Notes | None = None, deadline: float = 60.0) -> Queue[str]:
    return Queue(work, random=Random(1), watcher=notes or Notes(), deadline=deadline)


async def run_for(queue: Queue[str], seconds: float, workers: int = 2) -> None:
    running = asyncio.create_task(queue.run(workers))
    await asyncio.sleep(seconds)
    queue.close()
    await running


def now() -> float:
    return asyncio.get_running_loop().time()


def test_what_is_added_many_times_before_its_turn_runs_once() -> None:
    async def story() -> None:
        runs: list[str] = []

        async def work(key: str) -> None:
            runs.append(key)

        queue = make(work)
        for _ in range(3):
            queue.add("a")
        queue.add("b")
        assert queue.depth == 2
        await run_for(queue, 1)
        assert runs == ["a", "b"]

    in_loop_time(story)


def test_what_is_added_during_its_work_runs_once_more() -> None:
    async def story() -> None:
        runs: list[float] = []

        async def work(key: str) -> None:
            runs.append(now())
            if len(runs) == 1:
                await asyncio.sleep(5)
                queue.add(key)
                queue.add(key)

        queue = make(work)
        queue.add("a")
        await run_for(queue, 60)
        assert runs == [0, 5]

    in_loop_time(story)


def test_failures_back_off_to_five_minutes_and_success_resets_them() -> None:
    async def story() -> None:
        starts: list[float] = []

        async def work(key: str) -> None:
            starts.append(now())
            if len(starts) != 12:
                raise Broken

        notes = Notes()
        queue = make(work, notes=notes)
        queue.add("a")
        running = asyncio.create_task(queue.run(1))
        await asyncio.sleep(5000)
        assert len(starts) == 12
        gaps = [later - sooner for sooner, later in pairwise(starts)]
        for number, gap in enumerate(gaps):
            middle = min(LAST_BACKOFF / (1 + JITTER), FIRST_BACKOFF * 2**number)
            assert middle * (1 - JITTER) - 1e-5 <= gap <= middle * (1 + JITTER) + 1e-5
        assert max(gaps) <= LAST_BACKOFF
        assert len(set(gaps)) == len(gaps)
        queue.add("a")
        await asyncio.sleep(2)
        assert FIRST_BACKOFF * (1 - JITTER) <= starts[-1] - 5000 <= FIRST_BACKOFF * (1 + JITTER)
        assert isinstance(notes.errors[0], Broken)
        queue.close()
        await running

    in_loop_time(story)


def test_what_fails_with_the_api_server_alone_is_tried_again_soon_after_that_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        starts: list[float] = []

        async def work(key: str) -> None:
            starts.append(now())
            raise Broken("503 starting")

        def is_transient(error: BaseException) -> bool:
            return isinstance(error, Broken)

        queue = Queue(work, random=Random(1), watcher=Notes(), is_transient=is_transient)
        queue.add("a")
        await run_for(queue, 1000)
        gaps = [later - sooner for sooner, later in pairwise(starts)]
        assert gaps[0] < 2
        assert 20 < max(gaps) <= LAST_TRANSIENT_BACKOFF

    in_loop_time(story)
    assert "503 starting" in caplog.text
    assert "Traceback" not in caplog.text


def test_news_ends_a_backoff() -> None:
    async def story() -> None:
        starts: list[float] = []

        async def work(key: str) -> None:
            starts.append(now())
            raise Broken

        queue = make(work)
        queue.add("a")
        running = asyncio.create_task(queue.run(1))
        await asyncio.sleep(0.5)
        queue.add("a")
        await asyncio.sleep(0.1)
        assert starts == [0, 0.5]
        queue.close()
        await running

    in_loop_time(story)


def test_work_is_repeated_when_it_asked_for_it_and_the_soonest_wish_wins() -> None:
    async def story() -> None:
        starts: list[float] = []

        async def work(key: str) -> float | None:
            starts.append(now())
            return 30.0 if len(starts) == 1 else None

        queue = make(work)
        queue.add("a")
        running = asyncio.create_task(queue.run(1))
        await asyncio.sleep(1)
        queue.add_after("a", 100)
        queue.add_after("a", 10)
        await asyncio.sleep(300)
        assert starts == [0, 11]
        queue.close()
        await running

    in_loop_time(story)


def test_spreading_looks_at_all_at_different_moments_of_the_time() -> None:
    async def story() -> None:
        starts: dict[str, float] = {}

        async def work(key: str) -> None:
            starts[key] = now()

        queue = make(work)
        keys = [f"key-{number}" for number in range(50)]
        queue.spread(keys, 600)
        await run_for(queue, 601)
        assert sorted(starts) == sorted(keys)
        assert len(set(starts.values())) == 50
        assert min(starts.values()) < 100
        assert max(starts.values()) > 500

    in_loop_time(story)


def test_nothing_is_begun_while_it_is_paused_and_that_is_no_standstill() -> None:
    async def story() -> None:
        runs: list[float] = []

        async def work(key: str) -> None:
            runs.append(now())

        queue = make(work)
        queue.pause()
        queue.add("a")
        running = asyncio.create_task(queue.run(1))
        await asyncio.sleep(1000)
        assert runs == []
        assert queue.stuck() == 0
        assert queue.depth == 1
        queue.resume()
        await asyncio.sleep(1)
        assert runs == [1000]
        queue.close()
        await running

    in_loop_time(story)


def test_closing_lets_what_runs_end_and_begins_nothing_more() -> None:
    async def story() -> None:
        ended: list[str] = []

        async def work(key: str) -> float:
            await asyncio.sleep(10)
            ended.append(key)
            return 1.0

        queue = make(work)
        for key in "abc":
            queue.add(key)
        await run_for(queue, 5, workers=2)
        assert sorted(ended) == ["a", "b"]
        assert now() == 10
        await asyncio.sleep(100)
        assert sorted(ended) == ["a", "b"]

    in_loop_time(story)


def test_work_beyond_its_deadline_is_tried_again_soon_and_no_bug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        starts: list[float] = []

        async def work(key: str) -> None:
            starts.append(now())
            await asyncio.sleep(1000)

        notes = Notes()
        queue = make(work, notes=notes, deadline=60)
        queue.add("a")
        await run_for(queue, 2000)
        assert {type(error) for error in notes.errors} == {TimeoutError}
        gaps = [later - sooner - 60 for sooner, later in pairwise(starts)]
        assert 20 < max(gaps) <= LAST_TRANSIENT_BACKOFF

    in_loop_time(story)
    assert "a: not done within 60 s; again in " in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


def test_a_timeout_that_is_not_the_deadline_is_a_bug(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async def work(key: str) -> None:
            raise TimeoutError

        queue = make(work)
        queue.add("a")
        await run_for(queue, 0.5)

    in_loop_time(story)
    assert "Traceback" in caplog.text


def test_it_is_stuck_when_there_is_work_and_nothing_moves() -> None:
    async def story() -> None:
        async def work(key: str) -> None:
            await asyncio.sleep(50)

        queue = make(work)
        running = asyncio.create_task(queue.run(1))
        await asyncio.sleep(1000)
        assert queue.stuck() == 0
        queue.add("a")
        await asyncio.sleep(40)
        assert queue.stuck() == 40
        await asyncio.sleep(20)
        assert queue.stuck() == 0
        queue.close()
        await running

    in_loop_time(story)


def test_it_is_not_stuck_before_its_workers_run() -> None:
    async def story() -> None:
        async def work(key: str) -> None:
            await asyncio.sleep(50)

        queue = make(work)
        queue.add("a")
        await asyncio.sleep(1000)
        assert queue.stuck() == 0
        running = asyncio.create_task(queue.run(1))
        await asyncio.sleep(10)
        assert queue.stuck() == 10
        queue.close()
        await running

    in_loop_time(story)


@pytest.mark.parametrize("waiting", [0.0, 25.0])
def test_the_time_in_the_queue_is_told(waiting: float) -> None:
    async def story() -> None:
        async def work(key: str) -> None:
            pass

        notes = Notes()
        queue = make(work, notes=notes)
        queue.add("a")
        await asyncio.sleep(waiting)
        await run_for(queue, 1)
        assert notes.waits == [waiting]

    in_loop_time(story)


KEYS = st.sampled_from("abc")
EVENTS = st.lists(
    st.tuples(
        st.floats(0, 20),  # seconds since the event before
        KEYS,
        st.one_of(st.none(), st.floats(0, 50)),  # now, or after so many seconds
    ),
    max_size=40,
)
OUTCOMES = st.lists(
    st.tuples(st.floats(0, 10), st.one_of(st.none(), st.floats(0, 20), st.just("failure"))),
    min_size=1,
    max_size=10,
)
"""How long the work takes, and what comes of it: the end, a wish, a failure."""


@settings(deadline=None, max_examples=200)
@given(
    events=EVENTS,
    outcomes=OUTCOMES,
    workers=st.integers(1, 4),
    group=st.sampled_from([lambda key: key, lambda _: "all", lambda key: key in "ab"]),
)
def test_whatever_happens(
    events: list[tuple[float, str, float | None]],
    outcomes: list[tuple[float, float | str | None]],
    workers: int,
    group: Callable[[str], Hashable],
) -> None:
    """No key twice at once, no more at once than workers, and no wake-up is lost."""

    async def story() -> None:
        running: set[str] = set()
        last_start: dict[str, float] = {}
        due: dict[str, float] = {}
        runs = 0

        async def work(key: str) -> float | None:
            nonlocal runs
            assert key not in running
            assert len(running) < workers
            running.add(key)
            last_start[key] = now()
            # after a while all goes well, so that there is an end
            seconds, outcome = outcomes[runs % len(outcomes)] if runs < 30 else (0.0, None)
            runs += 1
            await asyncio.sleep(seconds)
            running.discard(key)
            if isinstance(outcome, str):
                due[key] = now()
                raise Broken
            if outcome is not None:
                due[key] = now()
            return outcome

        queue = Queue(work, random=Random(1), watcher=Notes(), group=group)
        task = asyncio.create_task(queue.run(workers))
        for pause, key, after in events:
            await asyncio.sleep(pause)
            due[key] = now()
            if after is None:
                queue.add(key)
            else:
                queue.add_after(key, after)
        await asyncio.sleep(20_000)
        # looptime counts in millionths, and a sum of floats may be off by less than that
        assert all(last_start[key] >= when - 1e-5 for key, when in due.items())
        assert queue.depth == 0
        assert queue.stuck() == 0
        queue.close()
        await task

    in_loop_time(story)


def test_many_keys_of_one_group_keep_no_other_group_waiting() -> None:
    async def story() -> None:
        done: list[str] = []

        async def work(key: str) -> None:
            await asyncio.sleep(1)
            done.append(key)

        queue: Queue[str] = Queue(work, random=Random(1), watcher=Notes(), group=lambda key: key[0])
        for key in ["a1", "a2", "a3", "a4", "b1", "b2", "c1"]:
            queue.add(key)
        await run_for(queue, 7.5, workers=1)
        assert done == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]

    in_loop_time(story)


HANG = 15.0


def hanging(starts: dict[str, float]) -> Work:
    async def work(key: str) -> None:
        starts[key] = now()
        await asyncio.sleep(HANG)

    return work


@pytest.mark.parametrize("workers", [2, 3, 6, 16])
def test_what_hangs_in_one_group_keeps_no_other_group_waiting(workers: int) -> None:
    async def story() -> None:
        starts: dict[str, float] = {}
        queue: Queue[str] = Queue(
            hanging(starts), random=Random(1), watcher=Notes(), group=lambda key: key[0]
        )
        for number in range(2 * workers):
            queue.add(f"a{number}")
        running = asyncio.create_task(queue.run(workers))
        await asyncio.sleep(1)
        assert len(starts) == workers // 2
        queue.add("b")
        await asyncio.sleep(1)
        assert starts["b"] == 1
        await asyncio.sleep(10 * HANG)
        assert len(starts) == 2 * workers + 1
        queue.close()
        await running

    in_loop_time(story)


def test_what_hangs_in_some_groups_leaves_a_quarter_to_those_of_which_nothing_runs() -> None:
    async def story() -> None:
        starts: dict[str, float] = {}
        queue: Queue[str] = Queue(
            hanging(starts), random=Random(1), watcher=Notes(), group=lambda key: key[0]
        )
        for number in range(16):
            for group in "abc":
                queue.add(f"{group}{number}")
        running = asyncio.create_task(queue.run(16))
        await asyncio.sleep(1)
        assert len(starts) == 12
        for key in ("d1", "e1", "f1", "d2"):
            queue.add(key)
        await asyncio.sleep(1)
        assert {key: starts.get(key) for key in ("d1", "e1", "f1", "d2")} == {
            "d1": 1,
            "e1": 1,
            "f1": 1,
            "d2": None,
        }
        await asyncio.sleep(20 * HANG)
        assert len(starts) == 3 * 16 + 4
        queue.close()
        await running

    in_loop_time(story)


def test_of_large_keys_two_run_at_once_and_one_of_a_group() -> None:
    async def story() -> None:
        starts: dict[str, float] = {}
        queue: Queue[str] = Queue(
            hanging(starts),
            random=Random(1),
            watcher=Notes(),
            group=lambda key: key[0],
            is_large=lambda key: "large" in key,
        )
        running = asyncio.create_task(queue.run(16))
        for group in "abc":
            for number in range(3):
                queue.add(f"{group}-large{number}")
        queue.add("a-small")
        await asyncio.sleep(1)
        assert set(starts) == {"a-large0", "b-large0", "a-small"}
        await asyncio.sleep(HANG)
        assert starts.keys() - {"a-small"} >= {"a-large0", "b-large0", "c-large0"}
        assert len(starts) == 5
        await asyncio.sleep(10 * HANG)
        assert len(starts) == 10
        queue.close()
        await running

    in_loop_time(story)
