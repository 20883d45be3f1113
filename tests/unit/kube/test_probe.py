"""The check against a real HTTP server that behaves as it is told."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bastaix.api.check import Check, Expect
from bastaix.kube.probe import HttpProbe
from bastaix.reconcile.cluster import Address, Answer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ADDRESS = Address("demo", "md", 80)
POST = Check(method="POST", path="/v1/chat/completions", body={"model": "m"})


async def ask(handler: Handler, check: Check, seconds: float = 15) -> Answer:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        url = f"http://127.0.0.1:{port}"
        return await HttpProbe(url, seconds=seconds).ask(check, ADDRESS)
    finally:
        await runner.cleanup()


def saying(status: int, text: str = "") -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    return handler


async def test_the_request_is_the_one_of_the_check() -> None:
    seen: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, await request.json()))
        return web.Response()

    answer = await ask(handler, POST)
    assert answer.outcome == "right"
    assert seen == [("POST", "/v1/chat/completions", {"model": "m"})]


async def test_a_redirect_is_a_wrong_answer_and_is_not_followed() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    answer = await ask(handler, POST)
    assert answer.outcome == "wrong"
    assert asked == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    ("status", "text", "expect", "outcome"),
    [
        (200, "", Expect(), "right"),
        (500, "", Expect(), "wrong"),
        (404, "", Expect(status=404), "right"),
        (200, "the capital is Rome.", Expect(contains="Rome"), "right"),
        (200, "the capital is Paris.", Expect(contains="Rome"), "wrong"),
        (200, '{"content": "Z\\u00fcrich"}', Expect(contains="Zürich"), "right"),
    ],
)
async def test_the_answer_is_held_against_what_is_expected(
    status: int, text: str, expect: Expect, outcome: str
) -> None:
    check = Check(method="GET", path="/", expect=expect)
    assert (await ask(saying(status, text), check)).outcome == outcome


async def test_nothing_that_was_said_gets_out() -> None:
    for expect in (Expect(), Expect(status=500, contains="other")):
        check = Check(method="GET", path="/", expect=expect)
        answer = await ask(saying(500, "password=hunter2"), check)
        assert answer.outcome == "wrong"
        assert "hunter2" not in answer.message


async def test_nobody_there_is_unreachable_and_not_wrong() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        answer = await HttpProbe(url).ask(POST, ADDRESS)
    assert answer.outcome == "unreachable"


async def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    answer = await HttpProbe("http://{name}.{namespace}.invalid").ask(POST, ADDRESS)
    assert answer.outcome == "unreachable"
    assert "http://md.demo.invalid/v1/chat/completions" in answer.message


async def test_a_name_that_is_looked_up_for_too_long_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(*_: Any, **__: Any) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    monkeypatch.setattr(aiohttp.DefaultResolver, "resolve", resolve)
    answer = await HttpProbe("http://slow.example", seconds=0.2).ask(POST, ADDRESS)
    assert answer.outcome == "unreachable"


async def test_an_answer_that_does_not_come_is_late() -> None:
    ended = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await ended.wait()
        return web.Response()

    asyncio.get_running_loop().call_later(1, ended.set)
    answer = await ask(handler, POST, seconds=0.2)
    assert answer.outcome == "late"


async def test_a_connection_that_breaks_off_is_unreachable() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    assert (await ask(handler, POST)).outcome == "unreachable"


async def test_an_endless_answer_is_read_only_so_far() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        except ConnectionError:
            return response

    answer = await asyncio.wait_for(ask(handler, Check(method="GET", path="/")), 10)
    assert answer.outcome == "right"


async def test_an_address_becomes_a_url_and_port_80_is_not_spelt() -> None:
    probe = HttpProbe("http://{name}.{namespace}.invalid:{port}")
    assert "http://md.demo.invalid/v1" in (await probe.ask(POST, ADDRESS)).message
    own = Address("demo", "md-1-serve-svc", 8000)
    assert "http://md-1-serve-svc.demo.invalid:8000/v1" in (await probe.ask(POST, own)).message
