"""What the informer does when the API server does not let it, in the event loop's own time."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import kopf
import looptime
from aiohttp import web

from bastaix import running
from bastaix.election import Election
from bastaix.informer import RELISTED_SECONDS, RETRY_SECONDS, Informer
from bastaix.kube.cluster import Client
from bastaix.kube.discovery import forbidden
from bastaix.metrics import Metrics
from bastaix.reconcile.cluster import NoAnswer, Refused
from bastaix.reconcile.index import Index, Name
from bastaix.reconcile.kinds import MODELDEPLOYMENT, NETWORKPOLICY, POD, WATCHED, Kind
from bastaix.reconcile.queue import Queue
from bastaix.watch import _session
from tests.unit.bodies import body, with_field

NAME = ("demo", "smollm2")


class Forbidding:
    """An API server that grants nothing."""

    async def request(self, *_: Any, **__: Any) -> Any:
        raise Refused(403, "Forbidden", "pods is forbidden")


class Listing:
    """A cluster whose first listing breaks, and whose later ones find something missed."""

    def __init__(self) -> None:
        self.listings = 0
        self.listed: list[Kind] = []
        self.fault: Exception = KeyError("items")

    async def names(self, kind: Kind, namespaces: frozenset[str]) -> set[Name]:
        self.listings += 1
        self.listed.append(kind)
        if self.listings == 1:
            raise self.fault
        return {("demo", "missed")}


class Keys:
    """A queue that only remembers what it is to look at."""

    def __init__(self) -> None:
        self.added: list[Name] = []
        self.spreads: list[tuple[list[Name], float]] = []
        self.closed = False

    def add(self, key: Name) -> None:
        self.added.append(key)

    def spread(self, keys: list[Name], seconds: float) -> None:
        self.spreads.append((keys, seconds))

    def close(self) -> None:
        self.closed = True


def informer(client: Any, cluster: Any, queue: Keys, wanted: Sequence[Kind] = WATCHED) -> Informer:
    index = Index()
    index.told(MODELDEPLOYMENT, with_field(body(), "metadata.resourceVersion", "1"))
    keys = cast("Queue[Name]", queue)
    return Informer(client, cluster, index, keys, Metrics(), frozenset(), lambda: None, wanted)


def in_loop_time(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = looptime.new_event_loop(start=0.0)
    try:
        loop.run_until_complete(asyncio.wait_for(story(), 10_000))
    finally:
        loop.close()


async def ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})


def test_while_it_may_not_look_it_says_what_the_api_server_says() -> None:
    async def story() -> None:
        one = informer(Forbidding(), Listing(), Keys())
        assert one.complaints() == ["the API server has not answered yet"]
        running = asyncio.create_task(one.run())
        await asyncio.sleep(1)
        (complaint,) = one.complaints()
        assert "403" in complaint
        assert "pods is forbidden" in complaint
        await ended(running)

    in_loop_time(story)


def test_resync_survives_what_nobody_thought_of_and_queues_what_was_missed_at_once() -> None:
    async def story() -> None:
        queue = Keys()
        one = informer(Forbidding(), Listing(), queue)
        one._kinds = frozenset({POD})
        running = asyncio.create_task(one.resync(600))
        await asyncio.sleep(301)
        assert queue.added == []
        assert queue.spreads == [([NAME], 300)]
        await asyncio.sleep(300)
        assert queue.added == [("demo", "missed")]
        assert not running.done()
        await ended(running)

    in_loop_time(story)


def test_it_stops_at_once_while_nothing_has_been_seen_yet() -> None:
    async def story() -> None:
        queue = Keys()
        stop = running.Stop()
        stop.now()
        one = informer(Forbidding(), Listing(), queue)
        began = asyncio.get_running_loop().time()
        keys = cast("Queue[Name]", queue)
        election = Election(None, keys, one, Metrics(), lambda: None)
        await running.work(keys, one, 16, stop, election)
        assert queue.closed
        assert asyncio.get_running_loop().time() - began < 1

    in_loop_time(story)


async def test_only_the_kinds_that_are_wanted_are_missed() -> None:
    one = informer(Forbidding(), Listing(), Keys(), [MODELDEPLOYMENT])
    one._kinds = frozenset()
    one.informed.set()
    (complaint,) = one.complaints()
    assert "ModelDeployment" in complaint
    one._kinds = frozenset({MODELDEPLOYMENT})
    assert one.complaints() == []


async def test_a_kind_that_it_can_do_without_is_not_missed() -> None:
    one = informer(Forbidding(), Listing(), Keys())
    one._kinds = frozenset(WATCHED) - {NETWORKPOLICY}
    one.informed.set()
    assert one.complaints() == []


async def test_what_may_not_be_listed_in_one_namespace_is_not_to_be_watched() -> None:
    class Granting(Forbidding):
        async def request(self, method: str, path: str, *_: Any, **__: Any) -> Any:
            if "/namespaces/theirs/" in path:
                return await super().request(method, path)
            return {}

    kinds = [NETWORKPOLICY]
    granting = cast("Client", Granting())
    assert await forbidden(granting, kinds, frozenset({"ours", "theirs"})) == {NETWORKPOLICY}
    assert await forbidden(granting, kinds, frozenset({"ours"})) == frozenset()
    assert await forbidden(granting, kinds, frozenset()) == frozenset()


def test_what_vanished_while_a_watch_was_broken_is_found_in_seconds() -> None:
    async def story() -> None:
        queue, cluster = Keys(), Listing()
        one = informer(Forbidding(), cluster, queue)
        one._kinds = frozenset({POD, MODELDEPLOYMENT})
        one.informed.set()
        running = asyncio.create_task(one._compare_listed())
        one._listed("pods")  # its first comparison breaks as the API server does
        cluster.fault = NoAnswer("cut off")
        await asyncio.sleep(RELISTED_SECONDS + RETRY_SECONDS + 2)
        assert queue.added == [("demo", "missed")]
        assert cluster.listed == [POD, POD]
        await ended(running)

    in_loop_time(story)


async def test_kopf_tells_of_each_listing_and_of_no_watch() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"items": []})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = f"http://127.0.0.1:{runner.addresses[0][1]}"
    listed: list[str] = []
    async with _session(kopf.ConnectionInfo(server=server), listed.append) as session:
        for query in ("?limit=100", "?watch=true&allowWatchBookmarks=true"):
            async with session.get(f"{server}/api/v1/pods{query}"):
                pass
    await runner.cleanup()
    assert listed == ["pods"]
