"""What the tests of fetching share: the real fetch, against servers on the loopback."""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from bastaix.api.v1alpha1 import Archive, Git
from bastaix.source.credential import Credential
from bastaix.source.failure import SourceFailure
from bastaix.source.fetch import Fetched, fetch
from bastaix.source.hosts import address, archive_address
from bastaix.source.policy import HostRule, Policy
from cluster import pki
from tests.fakes.git_hosts import COMMIT
from tests.fakes.server import FakeServer

LOOPBACK = (ip_network("127.0.0.0/8"),)
NEAR = HostRule(http=True, private=True, networks=LOOPBACK)
CREDENTIAL = Credential(secret="canary")
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Saying(FakeServer):
    """Answers as a test wants it to."""

    def __init__(self, answering: Answering, **options: Any) -> None:
        super().__init__(**options)
        self._answering = answering

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return await self._answering(request)


def saying(body: bytes = b"PK a zip", **fields: Any) -> Saying:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, **fields)

    return Saying(answer)


def leading_to(url: str, status: int = 302, **options: Any) -> Saying:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": url})

    return Saying(answer, **options)


def allowing(*servers: FakeServer, **fields: Any) -> Policy:
    return Policy(hosts={server.netloc: NEAR for server in servers}, **fields)


def certified(folder: Path, *names: str) -> tuple[ssl.SSLContext, Path]:
    """What a server needs to speak for the names, and the authority that says so."""
    made = folder / "pki"
    pki.make(made, [pki.Identity("server", user="server", addresses=names)])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made / "server.crt", made / "server.key")
    return context, made / "ca.crt"


@dataclass
class Fetching:
    """Fetches into a folder; a failure must leave nothing there."""

    folder: Path

    async def archive(
        self, url: str, policy: Policy, credential: Credential | None = None, **options: Any
    ) -> Fetched:
        where = archive_address(Archive(url=url, sha256="0" * 64))
        return await fetch(where, credential, self.folder / "archive.zip", policy, **options)

    async def commit(
        self,
        repository: str,
        host: str | None,
        policy: Policy,
        token: str | None = None,
        commit: str = COMMIT,
        resolver: AbstractResolver | None = None,
    ) -> Fetched:
        return await fetch(
            address(Git(repository=repository, commit=commit, host=host)),
            None if token is None else Credential(secret=token),
            self.folder / "archive.zip",
            policy,
            resolver=resolver,
        )

    async def refused(self, fetching: Awaitable[Fetched]) -> SourceFailure:
        with pytest.raises(SourceFailure) as caught:
            await fetching
        failure = caught.value
        assert "\n" not in failure.message
        assert "canary" not in failure.message
        assert not list(self.folder.iterdir())
        return failure
