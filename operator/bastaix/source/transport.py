"""One connection to one host: to an address that was checked, with nothing taken along.

A client is made for each hop, because nothing of it may live on in the next: no cookie, no
connection, no header. aiohttp connects to what the resolver here gives and to nothing else.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bastaix.source import hops
from bastaix.source.locations import netloc
from bastaix.source.policy import Policy

CHUNK: Final = 256 * 1024


class Trust:
    """The system's authorities, and the policy's own besides; read again when its file changes."""

    def __init__(self, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        self._seen: float | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Takes some 20 ms when it is made, which is once."""
        changed = self._ca_file.stat().st_mtime if self._ca_file is not None else None
        if self._context is None or changed != self._seen:
            context = ssl.create_default_context()
            if self._ca_file is not None:
                context.load_verify_locations(cafile=self._ca_file)
            self._context, self._seen = context, changed
        return self._context


class CheckedResolver(AbstractResolver):
    """The addresses of a URL's host that may be asked; SourceForbidden if there is none."""

    def __init__(self, resolver: AbstractResolver, url: URL, policy: Policy) -> None:
        self._resolver = resolver
        self._url = url
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        allowed = [
            result for result in found if hops.is_allowed(result["host"], self._url, self._policy)
        ]
        if found and not allowed:
            raise hops.refused_address(host, found[0]["host"], self._policy)
        return allowed

    async def close(self) -> None:
        await self._resolver.close()


@asynccontextmanager
async def asked(
    url: URL,
    headers: Mapping[str, str],
    policy: Policy,
    context: ssl.SSLContext,
    resolver: AbstractResolver,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The host's answer, its body not read yet; redirects are the caller's."""
    proxy = hops.proxy(url, policy)
    checked = resolver if proxy is not None else CheckedResolver(resolver, url, policy)
    connector = aiohttp.TCPConnector(
        ssl=context,
        resolver=checked,
        use_dns_cache=False,
        force_close=True,
        family=socket.AF_UNSPEC,
    )
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=policy.seconds,
                sock_connect=policy.connect_seconds,
                sock_read=policy.silence_seconds,
            ),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=CHUNK,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        ) as session,
        session.get(
            url.with_user(None).with_fragment(None),
            headers=headers,
            allow_redirects=False,
            proxy=proxy,
        ) as response,
    ):
        yield response


def trouble(error: Exception, url: URL, policy: Policy) -> str:
    """In one line of our own, and what the TLS library says of a certificate."""
    host = netloc(url)
    match error:
        case aiohttp.ConnectionTimeoutError():
            return f"{host} takes no connection within {policy.connect_seconds:.0f} s"
        case aiohttp.SocketTimeoutError():
            return f"{host} said nothing for {policy.silence_seconds:.0f} s"
        case asyncio.TimeoutError():
            return f"{host} was not done within {policy.seconds:.0f} s"
        case aiohttp.ClientConnectorCertificateError():
            said = getattr(error.certificate_error, "verify_message", "") or "not valid"
            return f"{host} has a certificate that is not trusted: {said}"
        case aiohttp.ClientConnectorDNSError() | UnicodeError():  # the latter: it cannot have one
            return f"{host} is a name without an address"
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return f"the proxy does not lead to {host}"
        case aiohttp.ClientConnectorError():
            return f"{host} takes no connection: {error.strerror or type(error).__name__}"
        case _:
            return f"{host} broke off ({type(error).__name__})"
