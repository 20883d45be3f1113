"""A small HTTP server on the loopback that remembers what it was asked."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult


@dataclass(frozen=True)
class Asked:
    path: str
    """With the query."""
    headers: Mapping[str, str]

    @property
    def authorization(self) -> str | None:
        return self.headers.get("Authorization")


class FakeServer:
    """Answers with what `answer` gives; subclasses behave like somebody in particular."""

    def __init__(self, *, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._context = context
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raise NotImplementedError

    @property
    def port(self) -> int:
        return int(self._runner.addresses[0][1])

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://{self.netloc}"

    def _application(self) -> web.Application:
        async def remember(request: web.Request) -> web.StreamResponse:
            self.asked.append(Asked(request.path_qs, dict(request.headers)))
            return await self.answer(request)

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", remember)
        return application

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()


class FakeResolver(AbstractResolver):
    """Names with addresses, and the port where what stands for port 443 really listens."""

    def __init__(self, names: Mapping[str, list[tuple[str, int]]]) -> None:
        self._names = names
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        self.asked.append(host)
        if host not in self._names:
            raise OSError("no such name")
        return [
            ResolveResult(hostname=host, host=ip, port=real, family=family, proto=0, flags=0)
            for ip, real in self._names[host]
        ]

    async def close(self) -> None:
        pass
