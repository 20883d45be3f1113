"""The check against a real HTTP server that behaves as it is told."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from bastaix.api.check import Check, Expect
from bastaix.kube import probe
from bastaix.kube.probe import LARGEST_ANSWER, HttpProbe, target
from bastaix.observe.endpoints import Endpoint
from bastaix.reconcile.cluster import Address, Answer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ADDRESS = Address("demo", "md", 80)
RANDOM = Random(0)
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
        return await HttpProbe(RANDOM, url, seconds=seconds).ask(check, ADDRESS)
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
        answer = await HttpProbe(RANDOM, url).ask(POST, ADDRESS)
    assert answer.outcome == "unreachable"


async def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    answer = await HttpProbe(RANDOM, "http://{name}.{namespace}.invalid").ask(POST, ADDRESS)
    assert answer.outcome == "unreachable"
    assert "/v1/chat/completions at http://md.demo.invalid" in answer.message


async def test_a_name_that_is_looked_up_for_too_long_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(*_: Any, **__: Any) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    monkeypatch.setattr(aiohttp.DefaultResolver, "resolve", resolve)
    answer = await HttpProbe(RANDOM, "http://slow.example", seconds=0.2).ask(POST, ADDRESS)
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


async def test_an_administrators_url_names_the_service_and_its_port() -> None:
    asked = HttpProbe(RANDOM, "http://{name}.{namespace}.invalid:{port}")
    assert (
        "/v1/chat/completions at http://md.demo.invalid" in (await asked.ask(POST, ADDRESS)).message
    )
    own = Address("demo", "md-1-serve-svc", 8000)
    assert "http://md-1-serve-svc.demo.invalid:8000" in (await asked.ask(POST, own)).message


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models",
        "/",
        "//evil.example/x",
        "/@evil.example/",
        "/a/../../b",
        "/%2e%2e/%40",
        "/x?y=1&z=%20?a",
        "/?http://evil.example",
        "/\\evil.example",
        "/#fragment",
        "/a;b:c@d",
        '/"<>{}|^`',
    ],
)
@pytest.mark.parametrize("base", ["http://10.244.0.9:8000", "http://[fd00::7]:8000"])
def test_a_path_is_never_a_part_of_the_host(base: str, path: str) -> None:
    url = target(URL(base), path)
    assert (url.scheme, url.host, url.port) == ("http", URL(base).host, 8000)
    assert url.user is url.password is None
    assert url.raw_path_qs.startswith(path[:1])
    assert url.fragment == ""


def test_a_base_with_a_path_keeps_it() -> None:
    assert (
        str(target(URL("http://127.0.0.1:81/ns/md"), "/v1?a=b"))
        == "http://127.0.0.1:81/ns/md/v1?a=b"
    )


@pytest.mark.parametrize("path", ["@evil.example/", ":81/x", "x", ""])
def test_what_is_no_path_is_asked_of_nobody(path: str) -> None:
    with pytest.raises(ValueError, match="would be"):
        target(URL("http://10.244.0.9:8000"), path)


class Pods:
    """Answers in the place of Pods, which have the addresses of a cluster."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    async def ask(self, _: Check, base: URL, called: str, *, seconds: float) -> Answer:
        assert 0 < seconds <= 15
        self.asked.append((str(base), called))
        return self.answers.pop(0)


UNREACHABLE = Answer("unreachable", "no route")
THREE = tuple(Endpoint(f"pod-{number}", f"10.244.0.{number}") for number in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("answers", "outcome", "count"),
    [
        ((Answer("right", ""),), "right", 1),
        ((Answer("wrong", ""),), "wrong", 1),
        ((Answer("late", ""),), "late", 1),
        ((UNREACHABLE, Answer("right", "")), "right", 2),
        ((UNREACHABLE, UNREACHABLE, UNREACHABLE), "unreachable", 3),
    ],
)
async def test_another_pod_is_asked_only_if_one_is_not_reached(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[Answer, ...], outcome: str, count: int
) -> None:
    pods = Pods(*answers)
    monkeypatch.setattr(probe, "ask", pods.ask)
    answer = await HttpProbe(RANDOM).ask(POST, Address("demo", "md", 80, THREE))
    assert answer.outcome == outcome
    assert len(set(pods.asked)) == count
    # which one it was is no part of the message: a status would change with each question
    known = {(f"http://{pod.ip}:8000", "one of its Pods") for pod in THREE}
    assert set(pods.asked) <= known


async def test_without_an_address_nobody_is_asked() -> None:
    answer = await HttpProbe(RANDOM).ask(POST, ADDRESS)
    assert answer.outcome == "unreachable"
    assert "no Pod" in answer.message


@pytest.mark.parametrize("text", ["[" * LARGEST_ANSWER, '{"a":' * 10000, "1" * 10000])
async def test_an_answer_that_python_cannot_read_is_compared_as_text(text: str) -> None:
    found = Check(method="GET", path="/", expect=Expect(contains=text[:5]))
    assert (await ask(saying(200, text), found)).outcome == "right"
    lacking = Check(method="GET", path="/", expect=Expect(contains="no such text"))
    assert (await ask(saying(200, text), lacking)).outcome == "wrong"


async def test_of_a_long_answer_the_beginning_counts() -> None:
    check = Check(method="GET", path="/", expect=Expect(contains="END"))
    long = "x" * LARGEST_ANSWER
    assert (await ask(saying(200, f"END{long}"), check)).outcome == "right"
    assert (await ask(saying(200, f"{long}END"), check)).outcome == "wrong"


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text=json.dumps({"who": "the app"}))

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await ask(handler, Check(method="GET", path="/v1"))).outcome == "right"
    assert asked == ["/v1"]
