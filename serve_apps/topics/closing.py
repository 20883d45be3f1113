"""Moves clients that keep their connections to Pods that stay, when this one is about to end.

Bastaix makes a file in the container some seconds before it ends a Pod. From then on each answer
closes its connection, so the client's next request opens another one, which leads elsewhere. The
connections that are idle are closed at the end.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

DRAINING = Path("/tmp/draining")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Closing:
    """ASGI middleware; `draining` is the file to look for."""

    def __init__(self, app: App, draining: Path = DRAINING) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def last(message: Message) -> None:
            if message["type"] == "http.response.start" and self._draining.exists():
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, last)
