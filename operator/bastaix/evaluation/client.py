"""One request to the endpoint: its answer, or in which way there was none."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from bastaix.evaluation.answers import (
    Answer,
    BrokenOff,
    Failure,
    Malformed,
    Said,
    ServerSaid,
    Stream,
    status_failure,
    whole,
)
from bastaix.evaluation.dataset import Case

CONNECT_SECONDS: Final = 10.0
LARGEST_ANSWER: Final = 1024 * 1024


class _TooLong(Exception):
    pass


class Endpoint:
    """What is evaluated, by its URL and by the name that its model has there."""

    def __init__(self, session: aiohttp.ClientSession, url: str, model: str | None) -> None:
        self._session = session
        self._url = base(url)
        self._model = model

    async def ask(self, case: Case) -> Answer | Failure:
        body = case.body
        if case.format != "raw":
            named = {} if self._model is None else {"model": self._model}
            body = {**named, **body, "stream": True}
        began = asyncio.get_running_loop().time()
        try:
            return await self._answer(case, body, began)
        except TimeoutError:
            return Failure("unreachable", f"no connection within {CONNECT_SECONDS:g} s")
        except aiohttp.ClientConnectorDNSError:
            return Failure("unreachable", "the host has no address")
        except aiohttp.ClientConnectorError:
            return Failure("unreachable", "no connection")
        except (aiohttp.ClientError, ConnectionError):
            return Failure("broken", "the connection broke off")
        except ServerSaid as error:
            return status_failure(error.status)
        except BrokenOff:
            return Failure("broken", "the stream broke off")
        except Malformed as error:
            return Failure("malformed", str(error))
        except _TooLong:
            return Failure("malformed", f"the answer is longer than {LARGEST_ANSWER:,} bytes")

    async def _answer(self, case: Case, body: Any, began: float) -> Answer | Failure:
        now = asyncio.get_running_loop().time
        # where it would be redirected to is somebody else, whom nobody evaluates
        async with self._session.post(
            self._url + case.path, json=body, allow_redirects=False
        ) as response:
            if response.status != 200:
                return status_failure(response.status)
            if case.format == "raw" or response.content_type != "text/event-stream":
                data = b"".join([chunk async for chunk in _chunks(response)])
                said, ended = whole(case.format, data), now()
                return _timed(said, ended - began, ended - began)
            stream, first = Stream(case.format), None
            async for chunk in _chunks(response):
                if stream.feed(chunk) and first is None:
                    first = now()
            said, ended = stream.end(), now()
            return _timed(said, (first or ended) - began, ended - began)


def base(url: str) -> str:
    """OpenAI's clients want the URL with /v1, which is in the paths here."""
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


@asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    # a connection for each request: all of the endpoint's Pods are asked, and none fails because
    # a connection that was kept has been closed meanwhile
    connector = aiohttp.TCPConnector(force_close=True, family=socket.AF_UNSPEC, limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield session


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    length = 0
    async for chunk in response.content.iter_any():
        length += len(chunk)
        if length > LARGEST_ANSWER:
            raise _TooLong
        yield chunk


def _timed(said: Said, ttft: float, latency: float) -> Answer:
    return Answer(said.text, said.finish_reason, ttft=ttft, latency=latency)
