"""The port of probes and metrics, by real connections of the loopback's many addresses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import looptime
import pytest

from bastaix import web
from bastaix.settings import Common
from bastaix.web import IDLE_SECONDS, MOST_CONNECTIONS

KUBELET, TENANT, OTHER = "127.0.0.1", "127.0.0.2", "127.0.0.3"
HALF = b"GET /healthz HTTP/1.1\r\nHost: operator\r\nX: "
"""A request whose head does not end."""
FIRST = asyncio.FIRST_COMPLETED
GET = "GET {} HTTP/1.1\r\nHost: operator\r\n\r\n"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Port:
    """A server, and those who connect to it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._opened: list[asyncio.StreamWriter] = []

    async def connect(self, peer: str, said: bytes = b"") -> Connection:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=(peer, 0)
        )
        self._opened.append(writer)
        writer.write(said)
        return reader, writer

    def close(self) -> None:
        for writer in self._opened:
            writer.close()


@asynccontextmanager
async def served(
    health: web.Complaints = tuple,
    readiness: web.Complaints = tuple,
    notes: web.Complaints = tuple,
    page: Callable[[], bytes] = lambda: b"up 1\n",
) -> AsyncIterator[Port]:
    runner = await web.serve(Common(host="127.0.0.1", port=0), page, health, readiness, notes)
    port = Port(runner.addresses[0][1])
    try:
        yield port
    finally:
        port.close()
        await runner.cleanup()


async def answer(connection: Connection, path: str = "/healthz", method: str = "GET") -> str:
    """The status line and the body, of an answer that has one."""
    reader, writer = connection
    writer.write(GET.format(path).replace("GET", method, 1).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    (length,) = (
        int(line.partition(":")[2])
        for line in head.lower().splitlines()
        if line.startswith("content-length")
    )
    body = (await reader.readexactly(length)).decode()
    return f"{head.splitlines()[0]} {body}"


async def is_closed(connection: Connection) -> bool:
    """True once it is; awaits that."""
    try:
        return await connection[0].read() == b""
    except ConnectionResetError:
        return True


async def closed(connections: list[Connection], least: int) -> list[bool]:
    """Which ones are closed, as soon as so many are."""
    awaited = [asyncio.create_task(is_closed(each)) for each in connections]
    async with asyncio.timeout(30):
        while sum(each.done() for each in awaited) < least:
            await asyncio.wait([each for each in awaited if not each.done()], return_when=FIRST)
    found = [each.done() for each in awaited]
    for task in awaited:
        task.cancel()
    return found


def in_loop_time(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """What waits for seconds takes none."""
    loop = looptime.new_event_loop(start=0.0)
    try:
        loop.run_until_complete(asyncio.wait_for(story(), 1000))
    finally:
        loop.close()


async def test_a_page_is_computed_when_it_is_asked_for() -> None:
    wrong: list[str] = []
    async with served(lambda: wrong, lambda: ["it waits"], lambda: ["a note"]) as port:
        kubelet = await port.connect(KUBELET)
        assert await answer(kubelet) == "HTTP/1.1 200 OK ok\n"
        wrong.append("it is stuck")
        assert await answer(kubelet) == "HTTP/1.1 503 Service Unavailable it is stuck\n"
        assert "it waits\na note\n" in await answer(kubelet, "/readyz")
        assert await answer(kubelet, "/metrics") == "HTTP/1.1 200 OK up 1\n"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/other", "404"), ("POST", "/healthz", "405")]
)
async def test_there_is_nothing_else(method: str, path: str, status: str) -> None:
    async with served() as port:
        assert status in await answer(await port.connect(OTHER), path, method)


async def test_a_probe_is_answered_however_many_connections_another_peer_leaves_open() -> None:
    async with served() as port:
        scraping = await port.connect(OTHER)
        await answer(scraping)
        flood = [await port.connect(TENANT, HALF) for _ in range(4 * MOST_CONNECTIONS)]
        assert "200 OK" in await answer(await port.connect(KUBELET))
        assert "200 OK" in await answer(scraping), "the oldest of all, and not of the greediest"
        # those two have a place each
        found = await closed(flood, 3 * MOST_CONNECTIONS + 2)
        assert found == [True] * (3 * MOST_CONNECTIONS + 2) + [False] * (MOST_CONNECTIONS - 2)


async def test_who_does_not_read_an_answer_is_cut_off_as_well() -> None:
    async with served(page=lambda: b"x" * 10_000_000) as port:
        asking = GET.format("/metrics").encode()
        deaf = [await port.connect(TENANT, asking) for _ in range(2)]
        for reader, _ in deaf:
            await reader.readuntil(b"\r\n\r\n")
        for _ in range(MOST_CONNECTIONS):
            await port.connect(TENANT, HALF)
        assert "200 OK" in await answer(await port.connect(KUBELET))
        for reader, _ in deaf:
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(10_000_000)


@pytest.mark.parametrize("said", [b"", HALF], ids=["nothing", "half a head"])
def test_a_request_that_does_not_begin_or_end_loses_its_connection(said: bytes) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with served() as port:
            began = loop.time()
            assert await is_closed(await port.connect(TENANT, said))
            assert loop.time() - began == pytest.approx(IDLE_SECONDS, abs=1)

    in_loop_time(story)


def test_a_head_that_comes_byte_by_byte_has_no_more_time() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with served() as port:
            connection = await port.connect(TENANT)
            await answer(connection)
            began = loop.time()
            closing = asyncio.create_task(is_closed(connection))
            connection[1].write(HALF)
            while not closing.done():
                connection[1].write(b"a")
                await asyncio.wait({closing}, timeout=0.5)
            assert loop.time() - began == pytest.approx(IDLE_SECONDS, abs=1)

    in_loop_time(story)
