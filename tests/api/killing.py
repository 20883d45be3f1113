"""A fault that cannot be caused otherwise: an operator that dies right after a certain write.

Between operator and API server stands a proxy that hands everything on and counts the writes.
When the one that is meant has been carried out, it kills the operator, which so never learns of
the answer.
"""

import asyncio
import os
import queue
import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from cluster.control_plane import ControlPlane

WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
KEPT = ("Content-Type", "Accept")


class KillingProxy:
    """`kill_after` so many writes from now on, the process is killed whose pid is then given."""

    def __init__(self, server: str, tls: ssl.SSLContext) -> None:
        self._server = server
        self._tls = tls
        self._left: int | None = None
        self._pid: Callable[[], int] | None = None
        self.writes: list[str] = []
        self.killed = threading.Event()

    def arm(self, kill_after: int | None, pid: Callable[[], int]) -> None:
        self._left, self._pid = kill_after, pid
        self.writes = []
        self.killed.clear()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        headers = {key: request.headers[key] for key in KEPT if key in request.headers}
        url = self._server + request.raw_path
        timeout = aiohttp.ClientTimeout(total=None)
        body = await request.read()
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(
                request.method, url, data=body or None, headers=headers, ssl=self._tls
            ) as answer,
        ):
            if self._counts(request, answer.status) and self._dies():
                raise web.HTTPServiceUnavailable
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            with suppress(ConnectionError):  # the operator was killed, or has heard enough
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            return response

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


@contextmanager
def killing_proxy(control_plane: ControlPlane, folder: Path) -> Iterator[tuple[KillingProxy, Path]]:
    """The proxy, and a kubeconfig that leads to it."""
    (cluster,) = yaml.safe_load(control_plane.kubeconfig.read_text())["clusters"]
    keys = control_plane.folder / "pki"
    tls = ssl.create_default_context(cafile=str(keys / "ca.crt"))
    tls.load_cert_chain(keys / "admin.crt", keys / "admin.key")
    proxy = KillingProxy(cluster["cluster"]["server"], tls)
    ports: queue.Queue[int] = queue.Queue()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(proxy, ports, stop)), daemon=True)
    thread.start()
    kubeconfig = folder / "through-the-proxy"
    kubeconfig.write_text(yaml.safe_dump(_kubeconfig(ports.get(timeout=30))))
    try:
        yield proxy, kubeconfig
    finally:
        stop.set()
        thread.join()


async def _serve(proxy: KillingProxy, ports: "queue.Queue[int]", stop: threading.Event) -> None:
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", proxy.serve)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ports.put(int(runner.addresses[0][1]))
    await asyncio.to_thread(stop.wait)
    await runner.cleanup()


def _kubeconfig(port: int) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
    }
