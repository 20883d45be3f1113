"""Ask an app its check, as a client would: through a Service, over HTTP.

Nothing of what the app answers leaves this module, since a status can be read by people
who may not read the answer.
"""

import json
import socket
from typing import Literal

import aiohttp

from bastaix.api.check import Check
from bastaix.reconcile.cluster import Address, Answer

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 15.0
LARGEST_ANSWER = 1024 * 1024


class HttpProbe:
    """`reconcile.cluster.Probe` over HTTP; `url` is a template with {name}, {namespace}, {port}."""

    def __init__(self, url: str, *, seconds: float = TOTAL_SECONDS) -> None:
        self._url = url
        self._seconds = seconds

    async def ask(self, check: Check, address: Address) -> Answer:
        base = self._url.format(
            name=address.service, namespace=address.namespace, port=address.port
        )
        url = base.removesuffix(":80") + check.path
        what = f"{check.method} {url}"
        timeout = aiohttp.ClientTimeout(total=self._seconds, sock_connect=CONNECT_SECONDS)
        # a session for one question: an answer must come over a new connection, as a
        # connection that was kept may lead to a Pod that the Service has left
        connector = aiohttp.TCPConnector(force_close=True, family=socket.AF_UNSPEC)
        reached: list[str] = []
        tracing = _connections(reached)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=timeout, trace_configs=[tracing]
                ) as session,
                # where it would be redirected to is somebody else, whom nobody asked for
                session.request(
                    check.method, url, json=check.body, allow_redirects=False
                ) as response,
            ):
                return _judge(check, what, response.status, await _text(response))
        except aiohttp.ServerTimeoutError:  # of them only that of the connection is set
            message = f"{what}: no connection within {CONNECT_SECONDS:.0f} s"
            return Answer("unreachable", message)
        except TimeoutError:
            outcome: Literal["late", "unreachable"] = "late" if reached else "unreachable"
            return Answer(outcome, f"{what}: no answer within {self._seconds:.0f} s")
        except aiohttp.ClientError as error:
            return Answer("unreachable", f"{what}: {type(error).__name__}")


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
    return data.decode(errors="replace")


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
    except ValueError:
        return text
