"""When a connection ends, with a stand-in for uvicorn's; with the real one in tests/serve."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import looptime
import pytest

from bastaix.in_pod import bastaix_proxy
from bastaix.in_pod.bastaix_proxy import (
    CLOSE,
    DRAINING,
    IDLE_SECONDS,
    LOOK_SECONDS,
    MAX_AGE_SECONDS,
    Closing,
    Message,
    Receive,
    Send,
)
from bastaix.render.closing import CLOSING_SECONDS, DRAINING_FILE

TYPE = (b"content-type", b"text/plain")


@dataclass(eq=False)
class Connection:
    """As uvicorn's protocol, of which the transport knows."""

    is_closed: bool = False
    closings: int = 0
    said: list[Message] = field(default_factory=list)

    def get_protocol(self) -> "Connection":
        return self

    @property
    def transport(self) -> "Connection":
        return self

    def is_closing(self) -> bool:
        return self.is_closed

    def shutdown(self) -> None:
        self.is_closed = True
        self.closings += 1

    async def send(self, message: Message) -> None:
        self.said.append(message)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Of the last answer."""
        starts = [each for each in self.said if each["type"] == "http.response.start"]
        return list(starts[-1]["headers"])


async def receive() -> Message:
    return {}


@dataclass
class Proxy:
    draining: Path
    seconds: float = 0.0  # from a request to the beginning of its answer
    headers: tuple[tuple[bytes, bytes], ...] = (TYPE,)

    def __post_init__(self) -> None:
        self.app = Closing(self._answer, self.draining)

    async def request(self, connection: Connection, kind: str = "http") -> None:
        await self.app({"type": kind}, receive, connection.send)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        await asyncio.sleep(self.seconds)
        await send({"type": "http.response.start", "status": 200, "headers": [*self.headers]})
        await send({"type": "http.response.body", "body": b"ok"})


Story = Callable[[Proxy], Coroutine[Any, Any, None]]


def told(proxy: Proxy, story: Story) -> None:
    """In the loop's own time: what waits for seconds takes none."""
    loop = looptime.new_event_loop(start=0.0)
    try:
        loop.run_until_complete(asyncio.wait_for(story(proxy), 1000))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


@pytest.fixture
def proxy(tmp_path: Path) -> Proxy:
    return Proxy(tmp_path / "draining")


def test_leaves_a_young_connection_as_it_is(proxy: Proxy) -> None:
    async def story(proxy: Proxy) -> None:
        connection = Connection()
        await proxy.request(connection)
        await asyncio.sleep(MAX_AGE_SECONDS - 1)
        await proxy.request(connection)
        assert connection.headers == [TYPE]
        assert not connection.is_closed

    told(proxy, story)


def test_every_answer_closes_its_connection_while_the_pod_ends(proxy: Proxy) -> None:
    async def story(proxy: Proxy) -> None:
        connection, other = Connection(), Connection()
        await proxy.request(connection)
        assert connection.headers == [TYPE]
        proxy.draining.touch()
        await proxy.request(connection)
        await proxy.request(other)
        assert connection.headers == other.headers == [TYPE, CLOSE]
        assert connection.said[-1]["body"] == b"ok"

    told(proxy, story)


def test_an_app_may_say_it_itself(proxy: Proxy) -> None:
    async def story(proxy: Proxy) -> None:
        connection = Connection()
        proxy.headers = (CLOSE, TYPE)
        proxy.draining.touch()
        await proxy.request(connection)
        assert connection.headers == [TYPE, CLOSE]

    told(proxy, story)


def test_closes_what_is_idle_halfway_to_the_end(proxy: Proxy) -> None:
    async def story(proxy: Proxy) -> None:
        connection, late = Connection(), Connection()
        await proxy.request(connection)
        proxy.draining.touch()
        await asyncio.sleep(IDLE_SECONDS - LOOK_SECONDS)
        assert not connection.is_closed
        await asyncio.sleep(3 * LOOK_SECONDS)
        assert connection.is_closed
        await proxy.request(late)
        await asyncio.sleep(3 * LOOK_SECONDS)
        assert late.is_closed
        assert (connection.closings, late.closings) == (1, 1)

    told(proxy, story)


def test_what_is_closed_halfway_has_the_other_half_to_be_answered() -> None:
    assert IDLE_SECONDS + LOOK_SECONDS <= CLOSING_SECONDS * 0.6


def test_says_with_an_answer_that_an_old_connection_ends(proxy: Proxy) -> None:
    async def story(proxy: Proxy) -> None:
        old, young = Connection(), Connection()
        await proxy.request(old)
        await asyncio.sleep(MAX_AGE_SECONDS)
        await proxy.request(old)
        await proxy.request(young)
        assert old.headers == [TYPE, CLOSE]
        assert young.headers == [TYPE]
        assert not old.is_closed, "the client learns it from the answer, and nothing is cut"

    told(proxy, story)


def test_counts_the_age_at_the_beginning_of_an_answer(proxy: Proxy) -> None:
    async def story(proxy: Proxy) -> None:
        connection = Connection()
        proxy.seconds = MAX_AGE_SECONDS
        await proxy.request(connection)
        assert connection.headers == [TYPE, CLOSE]

    told(proxy, story)


def test_a_websocket_is_no_matter_of_ours(proxy: Proxy) -> None:
    async def story(proxy: Proxy) -> None:
        connection = Connection()
        proxy.draining.touch()
        await proxy.request(connection, "websocket")
        assert connection.headers == [TYPE]

    told(proxy, story)


def test_another_server_is_told_only_while_the_pod_ends(proxy: Proxy) -> None:
    async def story(proxy: Proxy) -> None:
        headers: list[Any] = []

        async def send(message: Message) -> None:
            headers.extend([message["headers"]] if "headers" in message else [])

        await proxy.app({"type": "http"}, receive, send)
        await asyncio.sleep(MAX_AGE_SECONDS)
        await proxy.app({"type": "http"}, receive, send)
        proxy.draining.touch()
        await proxy.app({"type": "http"}, receive, send)
        assert headers == [[TYPE], [TYPE], [TYPE, CLOSE]]

    told(proxy, story)


def test_the_file_is_the_one_that_the_hook_makes() -> None:
    assert str(DRAINING) == DRAINING_FILE


def test_it_can_run_where_none_of_ours_is() -> None:
    text = Path(bastaix_proxy.__file__).read_text()
    assert "import bastaix" not in text
    assert "from bastaix" not in text
