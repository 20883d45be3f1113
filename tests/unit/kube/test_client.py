"""The Client over a socket: what becomes of an API server that fails, and whose time it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from bastaix.kube import cluster
from bastaix.kube.cluster import Client
from bastaix.reconcile.cluster import NoAnswer, NotLeading, Refused, is_transient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def client_of(handler: Handler) -> AsyncIterator[Client]:
    """A Client of an API server that answers so."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = Client(configuration, "test")
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


@pytest.mark.parametrize("status", [409, 410, 500, 502, 503, 504])
async def test_a_failing_api_server_is_a_transient_refusal(status: int) -> None:
    async def fail(_: web.Request) -> web.Response:
        return web.Response(status=status, text="no JSON at all")

    async with client_of(fail) as client:
        with pytest.raises(Refused) as caught:
            await client.request("PATCH", "/x", {})
    assert caught.value.status == status
    assert is_transient(caught.value)


@pytest.mark.parametrize("method", ["GET", "PATCH", "POST", "DELETE"])
async def test_a_cut_connection_is_no_answer(method: str) -> None:
    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with client_of(cut) as client:
        with pytest.raises(NoAnswer):
            await client.request(method, "/x", {})


async def test_an_answer_that_is_cut_in_the_middle_is_no_answer() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"metadata":')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with client_of(cut) as client:
        with pytest.raises(NoAnswer):
            await client.request("GET", "/x")
        with pytest.raises(NoAnswer):
            await client.content("/x", {})


async def test_an_answer_that_does_not_come_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "TIMEOUT", 0.1)

    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with client_of(hang) as client:
        with pytest.raises(NoAnswer):
            await client.request("GET", "/x")


async def test_a_server_that_is_not_there_is_no_answer() -> None:
    async def never(_: web.Request) -> web.Response:
        raise AssertionError

    async with client_of(never) as client:
        pass
    with pytest.raises(NoAnswer):
        await client.request("GET", "/x")


@pytest.mark.parametrize("hours", [-2, 0, 2])
async def test_time_is_told_by_the_api_server(hours: int) -> None:
    ahead = timedelta(hours=hours)

    async def answer(_: web.Request) -> web.Response:
        date = format_datetime(datetime.now(UTC) + ahead, usegmt=True)
        return web.json_response({}, headers={"Date": date})

    async with client_of(answer) as client:
        await client.request("GET", "/x")
        error = client.now() - datetime.now(UTC) - ahead
    assert abs(error.total_seconds()) < 1.5


async def test_invalid_fields_are_told() -> None:
    async def refuse(_: web.Request) -> web.Response:
        details = {"causes": [{"field": "status.active", "reason": "FieldValueInvalid"}]}
        return web.json_response({"reason": "Invalid", "details": details}, status=422)

    async with client_of(refuse) as client:
        with pytest.raises(Refused) as caught:
            await client.request("PATCH", "/x", {})
    assert caught.value.fields == ("status.active",)
    assert not is_transient(caught.value)


async def test_a_write_is_sent_only_while_there_is_time_and_a_read_always() -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.method)
        return web.json_response({})

    left = [1.0]
    async with client_of(answer) as client:
        client.fence(lambda: left[0])
        await client.request("PATCH", "/x", {})
        left[0] = 0.0
        for method in ("PATCH", "POST", "DELETE", "PUT"):
            with pytest.raises(NotLeading):
                await client.request(method, "/x", {})
        await client.request("GET", "/x")
    assert seen == ["PATCH", "GET"]
    assert is_transient(NotLeading())


async def test_a_write_ends_before_another_replica_may_lead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "IN_FLIGHT_SECONDS", 0.05)

    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with client_of(hang) as client:
        client.fence(lambda: 0.05)
        async with asyncio.timeout(5):
            with pytest.raises(NoAnswer):
                await client.request("PATCH", "/x", {})
