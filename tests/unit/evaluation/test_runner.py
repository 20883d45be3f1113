"""All cases against a real HTTP server: what is sent, what comes back, and when it ends."""

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import web

from bastaix.evaluation.answers import Answer, Failure, Kind
from bastaix.evaluation.client import Endpoint, session
from bastaix.evaluation.dataset import Case
from bastaix.evaluation.judging import Result
from bastaix.evaluation.runner import GIVE_UP_AFTER, run
from tests.unit.evaluation import serving
from tests.unit.evaluation.cases import MESSAGES, case
from tests.unit.evaluation.serving import FakeModel


async def asked(
    url: str, *cases: Case, concurrency: int = 4, seconds: float = 30
) -> tuple[Result, ...]:
    deadline = asyncio.get_running_loop().time() + seconds
    async with session() as http:
        return await run(
            cases or (case(),),
            Endpoint(http, url, "m"),
            concurrency=concurrency,
            deadline=deadline,
            ended=lambda _: None,
        )


def kinds(results: tuple[Result, ...]) -> list[str]:
    return [each.reply.kind if isinstance(each.reply, Failure) else "answer" for each in results]


async def test_the_request_is_the_case_with_the_model_as_a_stream() -> None:
    async with FakeModel(serving.streaming("Ro", "me")) as server:
        chat, text = await asked(f"{server.url}/v1/", case("a"), case("b", prompt="Italy?"))
    assert chat.passed
    assert text.passed
    common = {"model": "m", "temperature": 0, "seed": 0, "stream": True}
    assert sorted(server.bodies, key=lambda body: body[0]) == [
        ("/v1/chat/completions", {**common, "messages": MESSAGES}),
        ("/v1/completions", {**common, "prompt": "Italy?"}),
    ]


async def test_a_request_of_another_app_is_sent_as_it_is() -> None:
    request = {"path": "/topics?n=1", "body": {"documents": ["Rome"]}}
    async with FakeModel(serving.saying(200, {"topics": ["Rome"]})) as server:
        (result,) = await asked(server.url, case(request=request))
    assert result.passed
    assert server.bodies == [("/topics", {"documents": ["Rome"]})]
    assert server.asked[0].path == "/topics?n=1"


async def test_the_time_to_the_first_token_ends_before_the_answer_does() -> None:
    async def slow(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = await serving.stream(request, [serving.piece(body, "Ro")], None, done=False)
        await asyncio.sleep(0.2)
        await response.write(b'data: {"choices": [{"delta": {"content": "me"}}]}\n\ndata: [DONE]\n')
        return response

    async with FakeModel(slow) as server:
        (result,) = await asked(server.url)
    assert result.passed
    assert isinstance(result.reply, Answer)
    assert result.reply.latency >= result.reply.ttft + 0.15


async def test_a_server_that_does_not_stream_is_judged_all_the_same() -> None:
    async with FakeModel(serving.whole("It is Rome.", "length")) as server:
        (result,) = await asked(server.url)
    assert result.passed
    assert isinstance(result.reply, Answer)
    assert result.reply.finish_reason == "length"
    assert result.reply.ttft == result.reply.latency


@pytest.mark.parametrize(
    ("behaviour", "kind", "message"),
    [
        (serving.saying(500, {"error": "hunter2"}), "server", "HTTP 500"),
        (serving.saying(503), "server", "HTTP 503"),
        (serving.saying(429), "server", "HTTP 429"),
        (serving.saying(404), "refused", "HTTP 404"),
        (serving.saying(400, {"error": "hunter2"}), "refused", "HTTP 400"),
        (serving.saying(200, {"error": {"code": 503}}), "server", "HTTP 503"),
        (serving.saying(200, {"hello": "hunter2"}), "malformed", "the answer has no choices"),
        (serving.streaming("Ro", finish=None, done=False), "broken", "the stream broke off"),
        (serving.breaking_off, "broken", "the connection broke off"),
        (serving.whole("x" * 2**20), "malformed", "the answer is longer than 1,048,576 bytes"),
    ],
)
async def test_in_which_way_there_is_no_answer(
    behaviour: serving.Behaviour, kind: Kind, message: str
) -> None:
    async with FakeModel(behaviour) as server:
        (result,) = await asked(server.url)
    assert result.reply == Failure(kind, message)
    assert result.why == (message,)


async def test_a_redirect_is_a_refusal_and_is_not_followed() -> None:
    async def elsewhere(_: web.Request, __: dict[str, Any]) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with FakeModel(elsewhere) as server:
        (result,) = await asked(server.url)
    assert result.reply == Failure("refused", "HTTP 307")
    assert len(server.asked) == 1


async def test_nobody_there_is_unreachable_and_given_up_soon() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        cases = [case(str(n)) for n in range(100)]
        results = await asked(url, *cases, concurrency=1)
    assert kinds(results) == ["unreachable"] * GIVE_UP_AFTER + ["not asked"] * 80


async def test_who_has_answered_once_is_asked_to_the_end() -> None:
    behaviour = serving.in_turn(serving.whole("Rome"), serving.saying(503))
    async with FakeModel(behaviour) as server:
        cases = [case(str(n)) for n in range(30)]
        results = await asked(server.url, *cases, concurrency=1)
    assert kinds(results) == ["answer"] + ["server"] * 29


async def test_what_is_not_answered_by_the_deadline_is_a_timeout_and_the_rest_not_asked() -> None:
    async with FakeModel(serving.never) as server:
        cases = [case(str(n)) for n in range(5)]
        results = await asyncio.wait_for(
            asked(server.url, *cases, concurrency=2, seconds=0.3), timeout=10
        )
    assert kinds(results) == ["timeout", "timeout", "not asked", "not asked", "not asked"]


async def test_so_many_are_asked_at_a_time_and_no_more() -> None:
    running, most, together = 0, 0, asyncio.Event()

    async def counting(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            together.set()
        await asyncio.wait_for(together.wait(), 5)
        running -= 1
        return await serving.whole("Rome")(request, body)

    async with FakeModel(counting) as server:
        cases = [case(str(n)) for n in range(9)]
        results = await asyncio.wait_for(asked(server.url, *cases, concurrency=3), timeout=10)
    assert [each.case.id for each in results] == [each.id for each in cases]
    assert all(each.passed for each in results)
    assert most == 3
