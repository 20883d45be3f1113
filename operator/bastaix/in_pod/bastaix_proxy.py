"""Lets no client's connection lead to a Pod until it ends: runs in the proxies of Ray Serve.

A connection that its client keeps leads to the same proxy for as long as it is used, wherever the
Service leads meanwhile. What ends it without a failed request is an answer with `Connection:
close`, after which the client opens another. An answer says so

- once the Pod is about to end: its preStop hook makes a file, and everything goes on for ten
  seconds. Connections that are idle are closed halfway, so that what may begin on one of them until
  then has the other half to be answered;
- and once its connection has reached an age, as the maximum connection age of gRPC does. Nothing
  in a Pod knows that the Service leads elsewhere. Were it not for this, a client that never pauses
  would come to the old revision until its last ten seconds, and whatever takes longer than those
  would be cut, however long the revision was kept.

Ray calls `middlewares` by RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH. This has to run with every
Python and Ray that a user's image may hold, and imports nothing of ours. Where the server is not
uvicorn, which Ray has, it does no more than say the word while the Pod ends.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

DRAINING = Path("/tmp/draining")
MAX_AGE_SECONDS = 10.0
"""A handshake in that time costs nothing beside what a model computes."""
IDLE_SECONDS = 5.0
"""From the file to the end of idle connections: half of what the hook waits."""
LOOK_SECONDS = 0.2
CLOSE = (b"connection", b"close")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Closing:
    """ASGI middleware, one for all connections of a proxy; `draining` is the file to look for."""

    def __init__(self, app: App, draining: Path = DRAINING) -> None:
        self._app = app
        self._draining = draining
        self._since: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        self._watch: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = _connection(send)
        if connection is not None:
            self._since.setdefault(connection, _now())
        if self._watch is None:  # not in the constructor, which no loop runs yet
            self._watch = asyncio.ensure_future(self._close_idle())

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start" and self._is_last(connection):
                headers = [each for each in message.get("headers", ()) if tuple(each) != CLOSE]
                message = {**message, "headers": [*headers, CLOSE]}
            await send(message)

        await self._app(scope, receive, say)

    def _is_last(self, connection: Any) -> bool:
        """Whether the answer that begins now is the last one over this connection."""
        is_old = connection is not None and _now() - self._since[connection] >= MAX_AGE_SECONDS
        return is_old or self._draining.exists()

    async def _close_idle(self) -> None:
        while not self._draining.exists():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.sleep(IDLE_SECONDS)
        while True:  # until the Pod ends: what is under way now is idle a moment later
            for connection in list(self._since):
                if not connection.transport.is_closing():
                    connection.shutdown()  # an idle one; else it ends with its answer
            await asyncio.sleep(LOOK_SECONDS)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _connection(send: Send) -> Any:
    """uvicorn's object for the connection, None if this is another server.

    The address of the client would tell connections apart as well, but not when one is gone.
    """
    transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
    protocol = transport.get_protocol() if hasattr(transport, "get_protocol") else None
    is_known = all(hasattr(protocol, each) for each in ("shutdown", "transport", "__weakref__"))
    return protocol if is_known else None


def middlewares() -> list[Any]:
    """What Ray Serve asks for."""
    starlette = importlib.import_module("starlette.middleware")
    return [starlette.Middleware(Closing)]
