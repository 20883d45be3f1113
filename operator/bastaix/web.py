"""/metrics, /healthz and /readyz: three pages, each computed when asked for.

The port may be open to every Pod of the cluster. So a connection has a time and a place that it can
lose: who opens many, and ends no request, keeps neither files nor kubelet's probe from others.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import web

from bastaix import metrics
from bastaix.settings import BadSetting, Common

Complaints = Callable[[], Sequence[str]]
"""What is wrong just now, a line each; nothing when all is well."""

IDLE_SECONDS: Final = 10.0
"""For the whole head of a request, from the connection or the last answer on."""
MOST_CONNECTIONS: Final = 128
"""At a time: far below the 1024 files of a process that nobody gave more."""
_SHUTDOWN_SECONDS: Final = 2.0
"""For who does not read an answer when this process ends."""
_MOST_HEADERS: Final = 32
_LONGEST_HEADER: Final = 4096
"""Bytes; with the token of a ServiceAccount in it, a header has less than half."""


async def serve(
    settings: Common,
    page: Callable[[], bytes],
    health: Complaints,
    readiness: Complaints,
    notes: Complaints = lambda: (),
) -> web.ServerRunner:
    """Serve until the runner is cleaned up; `notes` are added to the page of readiness."""
    pages: Mapping[str, Callable[[], web.Response]] = {
        "/metrics": lambda: web.Response(
            body=page(), headers={"Content-Type": metrics.CONTENT_TYPE}
        ),
        "/healthz": lambda: _verdict(health()),
        "/readyz": lambda: _verdict(readiness(), notes()),
    }

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path not in pages:
            return web.Response(status=404)
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        return pages[request.path]()

    server = _Server(
        answer,
        access_log=None,
        keepalive_timeout=IDLE_SECONDS,  # in aiohttp 3.14 from the connection on
        lingering_time=0,  # nobody has a body to send
        max_headers=_MOST_HEADERS,
        max_field_size=_LONGEST_HEADER,
    )
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host or None, settings.port).start()
    except OSError as error:
        await runner.cleanup()
        raise BadSetting(f"cannot listen on {settings.host}:{settings.port}: {error}") from error
    return runner


class _Server(web.Server):
    """Lets everybody in, and for the one that is too many cuts another connection off.

    It is the oldest of the peer that has the most. kubelet's probe has one, and an answer within
    milliseconds; so one peer, however many it opens, cuts off but its own.
    """

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        # the oldest first, and without those that are cut off already
        known = [
            (_address(handler), handler.transport)
            for handler in self.connections
            if handler.transport and not handler.transport.is_closing()
        ]
        if len(known) > MOST_CONNECTIONS:
            count = Counter(peer for peer, _ in known)
            _, oldest = max(known, key=lambda connection: count[connection[0]])
            # not `close`, which waits for who does not read what was answered
            oldest.abort()


def _address(handler: web.RequestHandler) -> str:
    """Without the port; a peer that has left already has none."""
    return str((handler.peername or ("",))[0])


def _verdict(complaints: Sequence[str], notes: Sequence[str] = ()) -> web.Response:
    text = "\n".join([*(complaints or ["ok"]), *notes]) + "\n"
    return web.Response(status=503 if complaints else 200, text=text)
