"""Of several replicas one leads, and never two: in the event loop's own time."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

import looptime
import pytest

from bastaix.kube.cluster import Client
from bastaix.kube.lease import (
    HELD_SECONDS,
    IN_FLIGHT_SECONDS,
    LEASE_SECONDS,
    RENEW_SECONDS,
    Lease,
)
from bastaix.reconcile.cluster import NoAnswer, Refused

PLACE = ("bastaix-system", "bastaix")
LATEST = LEASE_SECONDS + 3 * RENEW_SECONDS
"""Seconds after which another leads."""


@dataclass
class Server:
    """One Lease and its versions, as the API server keeps them."""

    body: dict[str, Any] | None = None
    version: int = 0

    def request(self, method: str, manifest: dict[str, Any] | None) -> dict[str, Any]:
        if method == "GET":
            if self.body is None:
                raise Refused(404, "NotFound", "no such Lease")
            return self.body
        assert manifest is not None
        if method == "POST" and self.body is not None:
            raise Refused(409, "AlreadyExists", "it exists")
        if method == "PUT":
            if self.body is None:
                raise Refused(404, "NotFound", "no such Lease")
            if manifest["metadata"]["resourceVersion"] != str(self.version):
                raise Refused(409, "Conflict", "the object has been modified")
        self.version += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self.version)}
        self.body = {**manifest, "metadata": metadata}
        return self.body

    @property
    def spec(self) -> dict[str, Any]:
        assert self.body is not None
        found: dict[str, Any] = self.body["spec"]
        return found


@dataclass
class Replica:
    """A process with a client of its own, which can be cut off, delayed or stopped."""

    server: Server
    name: str
    fault: Callable[[str], Exception | None] = lambda _: None
    loses_answers: bool = False
    turns: list[str] = field(default_factory=list)
    hours_off: float = 0.0
    page: str = ""
    """The method that a proxy answers with a page."""
    seconds_on: float = 0.0
    """By the API server's clock."""

    def __post_init__(self) -> None:
        elapsed = lambda: asyncio.get_running_loop().time() + 3600 * self.hours_off  # noqa: E731
        self.lease = Lease(cast(Client, self), PLACE, self.name, elapsed)
        self.task: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds_on)

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        assert path.startswith("/apis/coordination.k8s.io/v1/namespaces/bastaix-system/leases")
        fault = self.fault(method)
        if fault is not None:
            raise fault
        answer = self.server.request(method, body)
        await asyncio.sleep(0.01)
        if self.loses_answers:
            raise NoAnswer("cut off")
        return {} if method == self.page else answer

    def start(self) -> "Replica":
        begin, end = (lambda: self.turns.append("begin")), (lambda: self.turns.append("end"))
        self.task = asyncio.create_task(self.lease.run(begin, end))
        return self

    async def kill(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait({self.task})

    @property
    def leads(self) -> bool:
        return self.lease.leads


def in_loop_time(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = looptime.new_event_loop(start=0.0)
    try:
        loop.run_until_complete(asyncio.wait_for(story(), 100_000))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


async def seconds_until(condition: Callable[[], bool]) -> float:
    for tenth in range(1000):
        if condition():
            return tenth / 10
        await asyncio.sleep(0.1)
    raise AssertionError("not within 100 s")


async def pair() -> tuple[Server, Replica, Replica]:
    server = Server()
    first = Replica(server, "first").start()
    await asyncio.sleep(1)
    return server, first, Replica(server, "second", hours_off=2).start()


def test_the_first_leads_for_as_long_as_it_lives_and_the_second_stands_by() -> None:
    async def story() -> None:
        server, first, second = await pair()
        for _ in range(1000):
            await asyncio.sleep(0.7)
            assert first.leads
            assert not second.leads
        assert first.turns == ["begin"]
        assert second.turns == []
        assert server.spec["leaseTransitions"] == 1
        assert "leader: first" in first.lease.notes()[0]
        assert "held by first" in second.lease.notes()[0]
        assert not second.lease.complaints()

    in_loop_time(story)


def test_another_takes_over_after_a_kill_in_less_than_twenty_seconds() -> None:
    async def story() -> None:
        _, first, second = await pair()
        await asyncio.sleep(10)
        await first.kill()
        took = await seconds_until(lambda: second.leads)
        assert not first.leads
        assert LEASE_SECONDS - RENEW_SECONDS <= took < 20
        assert second.turns == ["begin"]

    in_loop_time(story)


def test_who_ends_in_order_is_followed_at_once() -> None:
    async def story() -> None:
        server, first, second = await pair()
        await asyncio.sleep(10)
        await first.kill()
        await first.lease.release()
        assert not first.leads
        await asyncio.sleep(2 * RENEW_SECONDS)
        assert second.leads
        assert server.spec["holderIdentity"] == "second"

    in_loop_time(story)


def test_who_cannot_renew_stops_before_another_may_begin_and_begins_anew_later() -> None:
    async def story() -> None:
        _, first, second = await pair()
        await asyncio.sleep(10)
        first.fault = lambda _: NoAnswer("out of reach")
        await seconds_until(lambda: not first.leads)
        assert await seconds_until(lambda: second.leads) > IN_FLIGHT_SECONDS
        first.fault = lambda _: None
        await asyncio.sleep(60)
        assert second.leads
        assert not first.leads
        assert first.turns == ["begin", "end"]
        await second.kill()
        await asyncio.sleep(LATEST)
        assert first.turns == ["begin", "end", "begin"]

    in_loop_time(story)


def test_an_outage_of_the_api_server_leaves_the_leader_what_it_is() -> None:
    async def story() -> None:
        _, first, second = await pair()
        await asyncio.sleep(10)
        first.fault = second.fault = lambda _: Refused(503, "ServiceUnavailable", "starting")
        await asyncio.sleep(HELD_SECONDS - 2 * RENEW_SECONDS)
        assert first.leads
        first.fault = second.fault = lambda _: None
        await asyncio.sleep(60)
        assert first.turns == ["begin"]
        assert second.turns == []

    in_loop_time(story)


def test_a_renewal_whose_answer_is_lost_is_found_again() -> None:
    async def story() -> None:
        _, first, second = await pair()
        await asyncio.sleep(10)
        first.loses_answers = True
        await asyncio.sleep(2 * RENEW_SECONDS)
        first.loses_answers = False
        await asyncio.sleep(60)
        assert first.turns == ["begin"]
        assert not second.leads

    in_loop_time(story)


def test_a_lease_that_is_deleted_is_made_again() -> None:
    async def story() -> None:
        server, first, second = await pair()
        await asyncio.sleep(10)
        server.body = None
        await asyncio.sleep(60)
        assert first.leads != second.leads

    in_loop_time(story)


def test_a_container_that_is_started_again_in_its_pod_goes_on_at_once() -> None:
    async def story() -> None:
        server, first, _ = await pair()
        await asyncio.sleep(10)
        await first.kill()
        again = Replica(server, "first").start()
        await asyncio.sleep(1)
        assert again.leads

    in_loop_time(story)


def test_without_the_right_to_a_lease_nobody_leads_and_it_is_said() -> None:
    async def story() -> None:
        one = Replica(Server(), "one")
        one.fault = lambda _: Refused(403, "Forbidden", "leases is forbidden")
        one.start()
        await asyncio.sleep(10)
        assert not one.leads
        (complaint,) = one.lease.complaints()
        assert "leases is forbidden" in complaint
        one.fault = lambda _: None
        await asyncio.sleep(10)
        assert one.leads
        assert not one.lease.complaints()

    in_loop_time(story)


def entered(lease: Lease) -> Callable[[], float]:
    """A task that works in the present term, and for how long it may write."""
    context = copy_context()
    context.run(lease.enter_term)
    return lambda: context.run(lease.seconds_left_of_term)


def test_what_was_begun_in_a_term_before_writes_no_more_though_it_leads_again() -> None:
    async def story() -> None:
        _, first, second = await pair()
        await asyncio.sleep(10)
        before = entered(first.lease)
        assert before() > 0
        first.fault = lambda _: NoAnswer("out of reach")
        await seconds_until(lambda: second.leads)
        first.fault = lambda _: None
        await second.kill()
        await second.lease.release()
        await seconds_until(lambda: first.leads)
        assert before() <= 0
        assert entered(first.lease)() > 0
        assert first.turns == ["begin", "end", "begin"]

    in_loop_time(story)


def test_what_was_begun_goes_on_when_nobody_else_has_led_meanwhile() -> None:
    async def story() -> None:
        first = Replica(Server(), "first").start()
        await asyncio.sleep(1)
        before = entered(first.lease)
        first.fault = lambda _: NoAnswer("out of reach")
        await seconds_until(lambda: not first.leads)
        assert before() <= 0
        first.fault = lambda _: None
        await seconds_until(lambda: first.leads)
        assert before() > 0

    in_loop_time(story)


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_lease_that_changed_hands_unseen_is_another_term(is_deleted: bool) -> None:
    """As it does for a process that was stopped."""

    async def story() -> None:
        server = Server()
        first = Replica(server, "first").start()
        await asyncio.sleep(1)
        before = entered(first.lease)
        assert server.body is not None
        if is_deleted:
            server.body = None
        else:
            server.request("PUT", {**server.body, "spec": {**server.spec, "holderIdentity": ""}})
        first.seconds_on = 1
        await asyncio.sleep(2 * RENEW_SECONDS)
        assert first.leads
        assert first.turns == ["begin", "end", "begin"]
        assert before() <= 0

    in_loop_time(story)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_an_answer_that_is_no_lease_is_recovered_from(method: str) -> None:
    """As a proxy gives it in an outage, with status 200."""

    async def story() -> None:
        server = Server()
        first = Replica(server, "first")
        first.page = method
        first.start()
        await asyncio.sleep(20)
        first.page = ""
        await asyncio.sleep(2 * RENEW_SECONDS)
        assert first.leads
        assert first.task is not None
        assert not first.task.done()

    in_loop_time(story)


def test_a_renewal_that_is_refused_for_good_is_tried_with_what_is_there_then() -> None:
    async def story() -> None:
        first = Replica(Server(), "first").start()
        await asyncio.sleep(10)
        seen: list[str] = []

        def refuse_what_is_old(method: str) -> Exception | None:
            seen.append(method)
            return None if "GET" in seen else Refused(422, "Invalid", "metadata.name is missing")

        first.fault = refuse_what_is_old
        await asyncio.sleep(2 * RENEW_SECONDS)
        assert seen[:2] == ["PUT", "GET"]
        assert first.turns == ["begin"]
        assert first.leads

    in_loop_time(story)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_fails_never_two_lead_and_soon_one_does(seed: int) -> None:
    async def story() -> None:
        random, server = Random(seed), Server()
        replicas = [Replica(server, f"r{n}", hours_off=n * 1.7).start() for n in range(3)]
        for _ in range(600):
            await asyncio.sleep(random.uniform(0.1, 1.5))
            assert sum(replica.leads for replica in replicas) <= 1
            one = random.choice(replicas)
            one.loses_answers = random.random() < 0.3
            mood = random.choice([None, None, NoAnswer("cut"), Refused(500, "", "leader changed")])
            one.fault = lambda method, mood=mood: mood  # type: ignore[misc]
        for replica in replicas:
            replica.loses_answers, replica.fault = False, lambda _: None
        await asyncio.sleep(LATEST + 2 * RENEW_SECONDS)
        assert sum(replica.leads for replica in replicas) == 1

    in_loop_time(story)
