"""Caps, and bodies that are not what they should be."""

import asyncio
import tracemalloc
from contextlib import suppress

import pytest
from aiohttp import web

from bastaix.api import reasons
from bastaix.source.policy import Policy
from tests.unit.source.fetching import NEAR, Fetching, Saying, allowing, saying

MEBIBYTE = 1024 * 1024


def streaming(chunks: int, chunk: bytes = b"x" * 65536) -> Saying:
    """PK, and so many chunks after it, without saying how many."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            await response.write(b"PK")
            for _ in range(chunks):
                await response.write(chunk)
        except ConnectionError:
            pass
        return response

    return Saying(answer)


async def test_what_says_that_it_is_too_large_is_not_read(fetching: Fetching) -> None:
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 2002
        await response.prepare(request)
        await response.write(b"PK")
        await ended.wait()
        return response

    async with Saying(answer) as server:
        failure = await fetching.refused(
            fetching.archive(f"{server.url}/", allowing(server, max_bytes=2001, seconds=5))
        )
        ended.set()
        assert failure.reason is reasons.SOURCE_TOO_LARGE
        assert "2,001 bytes" in failure.message


async def test_what_does_not_say_it_is_cut_off(fetching: Fetching) -> None:
    async with streaming(1_000) as server:
        failure = await fetching.refused(
            fetching.archive(f"{server.url}/", allowing(server, max_bytes=MEBIBYTE))
        )
        assert failure.reason is reasons.SOURCE_TOO_LARGE


async def test_an_archive_of_exactly_the_limit_fits(fetching: Fetching) -> None:
    async with saying(b"PK" + b"x" * 1998) as server:
        fetched = await fetching.archive(f"{server.url}/", allowing(server, max_bytes=2000))
        assert fetched.bytes == 2000


async def test_a_host_that_dawdles_is_left(fetching: Fetching) -> None:
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"PK")
        await ended.wait()
        return response

    async with Saying(answer) as server:
        failure = await fetching.refused(
            fetching.archive(f"{server.url}/", allowing(server, seconds=0.3))
        )
        ended.set()
        assert failure.reason is reasons.SOURCE_UNREACHABLE


@pytest.mark.parametrize("begun", [True, False])
async def test_a_host_that_falls_silent_is_left_long_before_the_time_is_up(
    fetching: Fetching, begun: bool
) -> None:
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if begun:
            await response.prepare(request)
            await response.write(b"PK")
        await ended.wait()
        return response

    async with Saying(answer) as server:
        policy = allowing(server, seconds=30, silence_seconds=0.2)
        try:
            failure = await asyncio.wait_for(
                fetching.refused(fetching.archive(f"{server.url}/", policy)), 10
            )
        finally:
            ended.set()
        assert failure.reason is reasons.SOURCE_UNREACHABLE
        assert "said nothing for" in failure.message


def dripping() -> Saying:
    """A byte now and then, for ever."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            await response.write(b"PK")
            while True:
                await response.write(b"x")
                await asyncio.sleep(0.02)
        return response

    return Saying(answer)


async def test_a_host_that_drips_is_left_long_before_the_time_is_up(fetching: Fetching) -> None:
    async with dripping() as server:
        policy = allowing(server, seconds=30, grace_seconds=0.2)
        failure = await asyncio.wait_for(
            fetching.refused(fetching.archive(f"{server.url}/", policy)), 10
        )
        assert failure.reason is reasons.SOURCE_UNREACHABLE
        assert "less than 8,192 bytes a second" in failure.message


async def test_a_host_that_is_fast_enough_is_not_left_after_the_grace(fetching: Fetching) -> None:
    async with dripping() as server:
        policy = allowing(server, seconds=0.5, grace_seconds=0.1, least_bytes_per_second=1)
        failure = await fetching.refused(fetching.archive(f"{server.url}/", policy))
        assert "was not done within" in failure.message


async def test_memory_stays_flat_however_large_the_archive(fetching: Fetching) -> None:
    async with streaming(1024, b"x" * 65536) as server:
        tracemalloc.start()
        try:
            fetched = await fetching.archive(f"{server.url}/", allowing(server))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert fetched.bytes == 64 * MEBIBYTE + 2
    assert peak < 8 * MEBIBYTE


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b"<html>canary</html>", "text/html", "an HTML page"),
        (b'{"canary": 1}', "application/json", "JSON"),
        (b"canary", "text/plain", "plain text"),
        (b"\x1f\x8b canary", "application/zip", "gzip"),
        (b"canary", "application/canary", "something else"),
        (b"", "application/zip", "nothing"),
        (b"P", "application/zip", "nothing"),
    ],
)
async def test_what_is_no_zip_is_told_by_its_kind_and_not_by_its_content(
    fetching: Fetching, body: bytes, content_type: str, said: str
) -> None:
    async with saying(body, content_type=content_type) as server:
        failure = await fetching.refused(fetching.archive(f"{server.url}/", allowing(server)))
        assert failure.reason is reasons.SOURCE_NOT_ARCHIVE
        assert said in failure.message


async def test_a_203_with_a_sign_in_page_is_no_archive(fetching: Fetching) -> None:
    async with saying(b"<html>", status=203, content_type="text/html") as server:
        failure = await fetching.refused(fetching.archive(f"{server.url}/", allowing(server)))
        assert failure.reason is reasons.SOURCE_NOT_ARCHIVE


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_that_breaks_off_is_never_taken_for_whole(
    fetching: Fetching, chunked: bool
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if not chunked:
            response.content_length = 1000
        await response.prepare(request)
        await response.write(b"PK" + b"x" * 100)
        assert request.transport
        request.transport.abort()
        return response

    async with Saying(answer) as server:
        failure = await fetching.refused(fetching.archive(f"{server.url}/", allowing(server)))
        assert failure.reason is reasons.SOURCE_UNREACHABLE


async def test_what_is_sent_is_kept_as_it_came(fetching: Fetching) -> None:
    """Nothing is decompressed on the way, and nothing compressed is asked for."""
    async with saying(b"PK as it came", headers={"Content-Encoding": "gzip"}) as server:
        fetched = await fetching.archive(f"{server.url}/", allowing(server))
        assert fetched.path.read_bytes() == b"PK as it came"
        assert server.asked[0].headers["Accept-Encoding"] == "identity"
        assert server.asked[0].headers["User-Agent"]


async def test_nobody_there_is_unreachable(fetching: Fetching) -> None:
    async with saying() as server:
        url, policy = f"{server.url}/", allowing(server)
    failure = await fetching.refused(fetching.archive(url, policy))
    assert failure.reason is reasons.SOURCE_UNREACHABLE


async def test_a_host_that_lets_nobody_connect_is_told_as_such_and_not_waited_for(
    fetching: Fetching,
) -> None:
    """A firewall that drops what comes looks like this, and so does a TLS that never begins."""
    silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    host = f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    failure = await fetching.refused(
        fetching.archive(
            f"https://{host}/", Policy(hosts={host: NEAR}, seconds=30, connect_seconds=0.1)
        )
    )
    silent.close()
    assert failure.reason is reasons.SOURCE_UNREACHABLE
    assert f"{host} takes no connection" in failure.message
    assert "30 s" not in failure.message


async def test_a_name_that_does_not_resolve_is_unreachable(fetching: Fetching) -> None:
    failure = await fetching.refused(fetching.archive("https://git.invalid/a.zip", Policy()))
    assert failure.reason is reasons.SOURCE_UNREACHABLE
    assert "git.invalid" in failure.message


@pytest.mark.parametrize("name", ["a..b", ".example.com", f"{'a' * 64}.example.com"])
async def test_a_name_that_no_host_can_have_is_no_bug(fetching: Fetching, name: str) -> None:
    failure = await fetching.refused(fetching.archive(f"https://{name}/a.zip", Policy()))
    assert failure.reason is reasons.SOURCE_UNREACHABLE
    assert "a name without an address" in failure.message


async def test_a_long_header_is_no_bug(fetching: Fetching) -> None:
    async with saying(headers={"X-Long": "x" * 100_000}) as server:
        failure = await fetching.refused(fetching.archive(f"{server.url}/", allowing(server)))
        assert failure.reason is reasons.SOURCE_UNREACHABLE
