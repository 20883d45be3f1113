"""A fault that cannot be caused otherwise: an operator that dies right after a certain write.

The proxy counts the writes. When the one that is meant has been carried out, it kills the operator,
which so never learns of the answer.
"""

import os
import signal
import ssl
import threading
from collections.abc import Callable

from aiohttp import web

from tests.api.proxy import WRITES, Proxy


class KillingProxy(Proxy):
    """`kill_after` so many writes from now on, the process is killed whose pid is then given."""

    def __init__(self, server: str, tls: ssl.SSLContext) -> None:
        super().__init__(server, tls)
        self._left: int | None = None
        self._pid: Callable[[], int] | None = None
        self.writes: list[str] = []
        self.killed = threading.Event()

    def arm(self, kill_after: int | None, pid: Callable[[], int]) -> None:
        self._left, self._pid = kill_after, pid
        self.writes = []
        self.killed.clear()

    async def answered(self, request: web.Request, status: int) -> web.StreamResponse | None:
        is_dead = self._counts(request, status) and self._dies()
        return web.Response(status=503) if is_dead else None

    def _counts(self, request: web.Request, status: int) -> bool:
        is_write = request.method in WRITES and status < 400
        if not is_write or "dryRun" in request.query or "/events" in request.path:
            return False
        self.writes.append(f"{request.method} {request.path}")
        return True

    def _dies(self) -> bool:
        if self._left is None or self._pid is None:
            return False
        self._left -= 1
        if self._left > 0:
            return False
        self._left = None
        os.kill(self._pid(), signal.SIGKILL)
        self.killed.set()
        return True
