"""Ask an app its check over HTTP, at the addresses of its own Pods.

Nothing of what the app answers leaves this module, since a status can be read by people
who may not read the answer.
"""

import asyncio
import json
import socket
from random import Random
from typing import Final, Literal
from urllib.parse import quote

import aiohttp
from yarl import URL

from bastaix.api.check import Check
from bastaix.api.names import SERVE_PORT
from bastaix.reconcile.cluster import Address, Answer

CONNECT_SECONDS: Final = 3.0
TOTAL_SECONDS: Final = 15.0
LARGEST_ANSWER: Final = 64 * 1024
MOST_PODS: Final = 3
"""Of one revision that are tried, if they cannot be reached."""

A_POD: Final = "one of its Pods"
"""Which one was asked is left out: a status that named it would be written at each question."""

_SAFE: Final = "/%:@!$&'()*+,;=-._~"
"""What a path may hold as it is (RFC 3986); what is quoted already stays so."""


class HttpProbe:
    """`reconcile.cluster.Probe` over HTTP.

    `url` is of an administrator whose operator does not reach Pods: a template with {name},
    {namespace} and {port} of a Service, which is asked in their place.
    """

    def __init__(
        self, random: Random, url: str | None = None, *, seconds: float = TOTAL_SECONDS
    ) -> None:
        self._random = random
        self._url = url
        self._seconds = seconds

    async def ask(self, check: Check, address: Address) -> Answer:
        if self._url is not None:
            place = {"name": address.service, "namespace": address.namespace}
            base = URL(self._url.format(**place, port=address.port))
            return await ask(check, base, str(base), seconds=self._seconds)
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._seconds
        answer = Answer("unreachable", "no Pod of it has an address where it can be asked")
        pods = self._random.sample(address.pods, min(MOST_PODS, len(address.pods)))
        for pod in pods:
            base = URL.build(scheme="http", host=pod.ip, port=SERVE_PORT)
            left = ends - loop.time()
            if left > 0:
                answer = await ask(check, base, A_POD, seconds=left)
            if answer.outcome != "unreachable":
                break
        return answer


async def ask(check: Check, base: URL, called: str, *, seconds: float) -> Answer:
    """One request to `base`, and to nobody else; `called` is what a message calls it."""
    url, what = target(base, check.path), f"{check.method} {check.path} at {called}"
    timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
    # a session for one question: an answer must come over a new connection, as a
    # connection that was kept may lead to what has gone since
    connector = aiohttp.TCPConnector(force_close=True, family=socket.AF_UNSPEC)
    reached: list[str] = []
    tracing = _connections(reached)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, trace_configs=[tracing], trust_env=False
            ) as session,
            # where it would be redirected to is somebody else, whom nobody asked for
            session.request(check.method, url, json=check.body, allow_redirects=False) as response,
        ):
            return _judge(check, what, response.status, await _text(response))
    except aiohttp.ServerTimeoutError:  # of them only that of the connection is set
        return Answer("unreachable", f"{what}: no connection within {CONNECT_SECONDS:.0f} s")
    except TimeoutError:
        outcome: Literal["late", "unreachable"] = "late" if reached else "unreachable"
        return Answer(outcome, f"{what}: no answer within {seconds:.0f} s")
    except aiohttp.ClientError as error:
        return Answer("unreachable", f"{what}: {type(error).__name__}")


def target(base: URL, path: str) -> URL:
    """The address of a check's path, with its query, at a base; it is never a part of the host."""
    before, _, query = path.partition("?")
    raw = base.raw_path.rstrip("/") + quote(before, safe=_SAFE)
    asked = quote(query, safe=_SAFE + "?")
    url = URL.build(
        scheme=base.scheme,
        authority=base.raw_authority,
        path=raw,
        query_string=asked,
        encoded=True,
    )
    wanted = f"{raw}?{asked}" if asked else raw
    is_meant = path.startswith("/") and url.raw_path_qs == wanted
    if not is_meant or url.raw_authority != base.raw_authority or url.scheme != base.scheme:
        raise ValueError(f"{path!r} at {base} would be {url}")
    return url


def _connections(reached: list[str]) -> aiohttp.TraceConfig:
    """Notes each connection that was made: to look a name up may take all of the time."""

    async def made(*_: object) -> None:
        reached.append("connected")

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(made)
    return tracing


async def _text(response: aiohttp.ClientResponse) -> str:
    """The answer, or as much of its beginning as anybody would compare."""
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > LARGEST_ANSWER:
            break
    return data[:LARGEST_ANSWER].decode(errors="replace")


def _judge(check: Check, what: str, status: int, text: str) -> Answer:
    expected = check.expect
    if status != expected.status:
        return Answer("wrong", f"{what} answered {status}, not {expected.status}")
    if expected.contains is not None and expected.contains not in _plain(text):
        return Answer("wrong", f"{what}: the answer lacks {json.dumps(expected.contains)}")
    return Answer("right", f"{what} answered {status}")


def _plain(text: str) -> str:
    """JSON writes what it likes as \\u escapes; a user compares what is meant."""
    try:
        return text + json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):  # no JSON, or deeper than Python goes
        return text
