"""What stands between a controller and the API server, and hands everything on.

A fake of a bad network and a bad API server begins here: see `killing` and `faulty`.
"""

import asyncio
import queue
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import aiohttp
import yaml
from aiohttp import web

from cluster.control_plane import ControlPlane

WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
KEPT = ("Content-Type", "Accept")

Answer = aiohttp.ClientResponse


class Proxy:
    def __init__(self, server: str, tls: ssl.SSLContext) -> None:
        self._server = server
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        return await self.forward(request)

    async def forward(self, request: web.Request) -> web.StreamResponse:
        headers = {key: request.headers[key] for key in KEPT if key in request.headers}
        body, url = await request.read(), self._server + request.raw_path
        assert self._session is not None
        async with self._session.request(
            request.method, url, data=body or None, headers=headers, ssl=self._tls
        ) as answer:
            instead = await self.answered(request, answer.status)
            if instead is not None:
                return instead
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            response.headers["Date"] = answer.headers["Date"]
            with suppress(ConnectionError):  # who asked is gone, or has heard enough
                await response.prepare(request)
                await self.copy(request, answer, response)
            return response

    async def answered(self, request: web.Request, status: int) -> web.StreamResponse | None:
        """The API server has done what was asked for; what is to be answered in its place."""
        return None

    async def copy(
        self, request: web.Request, answer: Answer, response: web.StreamResponse
    ) -> None:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)

    async def run(self, ports: "queue.Queue[int]", stop: threading.Event) -> None:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self.serve)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        timeout, connector = aiohttp.ClientTimeout(total=None), aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            timeout=timeout, connector=connector, read_bufsize=4 * 1024 * 1024
        ) as self._session:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            ports.put(int(runner.addresses[0][1]))
            await asyncio.to_thread(stop.wait)
            await runner.cleanup()


AnyProxy = TypeVar("AnyProxy", bound=Proxy)


@contextmanager
def between(
    make: type[AnyProxy], control_plane: ControlPlane, folder: Path
) -> Iterator[tuple[AnyProxy, Path]]:
    """A proxy of this class before an API server, and a kubeconfig that leads to it."""
    (cluster,) = yaml.safe_load(control_plane.kubeconfig.read_text())["clusters"]
    keys = control_plane.folder / "pki"
    tls = ssl.create_default_context(cafile=str(keys / "ca.crt"))
    tls.load_cert_chain(keys / "admin.crt", keys / "admin.key")
    proxy = make(cluster["cluster"]["server"], tls)
    ports: queue.Queue[int] = queue.Queue()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(proxy.run(ports, stop)), daemon=True)
    thread.start()
    kubeconfig = folder / "through-the-proxy"
    kubeconfig.write_text(yaml.safe_dump(_kubeconfig(ports.get(timeout=30))))
    try:
        yield proxy, kubeconfig
    finally:
        stop.set()
        thread.join()


def _kubeconfig(port: int) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
    }
