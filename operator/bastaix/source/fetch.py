"""Get one archive into a file: whole, hashed on the way, and with no more trust than needed.

Redirects are followed here, because every client follows them too trustingly: each hop is checked
as if a user had written it, and the credential goes to the place it is meant for and no other.
What the archive holds is nobody's business here; only that it begins like a zip.
"""

import asyncio
import hashlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from bastaix.api import reasons
from bastaix.source import hops, refusals, transport
from bastaix.source.credential import Credential
from bastaix.source.failure import SourceFailure
from bastaix.source.hosts import Address
from bastaix.source.locations import netloc
from bastaix.source.policy import Policy

HEADERS: Final = {"User-Agent": "bastaix-source", "Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True, kw_only=True)
class Fetched:
    path: Path
    bytes: int
    sha256: str


async def fetch(
    address: Address,
    credential: Credential | None,
    into: Path,
    policy: Policy,
    *,
    resolver: AbstractResolver | None = None,
    trust: transport.Trust | None = None,
) -> Fetched:
    """The archive of an address, in the file `into`; SourceFailure says why not."""
    context = await asyncio.to_thread((trust or transport.Trust(policy.ca_file)).context)
    trip = _Trip(address, credential, policy, resolver or aiohttp.ThreadedResolver(), context)
    try:
        async with asyncio.timeout(policy.seconds):
            return await trip.run(into)
    except (aiohttp.ClientError, ConnectionError, TimeoutError, UnicodeError) as error:
        message = transport.trouble(error, trip.url, policy)
        raise SourceFailure(reasons.SOURCE_UNREACHABLE, f"{address.what}: {message}") from error


class _Trip:
    """From the first URL over all redirects to the archive."""

    def __init__(
        self,
        address: Address,
        credential: Credential | None,
        policy: Policy,
        resolver: AbstractResolver,
        context: ssl.SSLContext,
    ) -> None:
        self._address = address
        self._credential = credential
        self._policy = policy
        self._resolver = resolver
        self._context = context
        self.url = URL(address.url(credential is not None))
        self._home = self.url.origin()
        self._was_away = False

    async def run(self, into: Path) -> Fetched:
        hops.check(self.url, self._policy)
        self._demand_tls()
        for _ in range(self._policy.redirects + 1):
            async with transport.asked(
                self.url, self._headers(), self._policy, self._context, self._resolver
            ) as response:
                if response.status in refusals.WHOLE:
                    return await self._land(response, into)
                self._go_on(response)
        raise SourceFailure(
            reasons.SOURCE_UNREACHABLE,
            f"{self._address.what}: more than {self._policy.redirects} redirects",
        )

    def _demand_tls(self) -> None:
        if (
            self._credential is not None
            and self._credential.tls_only
            and self._home.scheme != "https"
        ):
            raise SourceFailure(
                reasons.SECRET_HOST_NOT_ALLOWED,
                f"the Secret's key `hosts` lists {self._address.secret_host} with the port of"
                " https alone, so nothing was sent there without TLS",
            )

    def _headers(self) -> Mapping[str, str]:
        """Once away from home, the way back is somebody else's choice too."""
        if self._credential is None or self._was_away:
            return HEADERS
        scheme = self._address.kind.scheme
        return {**HEADERS, "Authorization": self._credential.authorization(scheme)}

    def _go_on(self, response: aiohttp.ClientResponse) -> None:
        """To where the host says that the archive is, if it may be asked there."""
        answer = refusals.Answer(
            host=netloc(self.url),
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            with_credential=self._credential is not None,
        )
        if response.status not in refusals.REDIRECTS:
            raise refusals.refusal(self._address, answer, datetime.now(UTC))
        try:
            target = self.url.join(URL(response.headers["Location"]))
        except (KeyError, ValueError) as error:
            raise SourceFailure(
                reasons.SOURCE_UNREACHABLE,
                f"{self._address.what}: {answer.host} redirects to nowhere",
            ) from error
        if refusals.asks_to_sign_in(target):
            raise refusals.unauthorized(self._address, answer)
        hops.check(target, self._policy, came_from=self.url)
        self.url = target
        self._was_away |= target.origin() != self._home

    async def _land(self, response: aiohttp.ClientResponse, into: Path) -> Fetched:
        limit, clock = self._policy.max_bytes, asyncio.get_running_loop().time
        began = clock()
        with _Landing(into) as landing:
            self._fits(response.content_length or 0, limit)
            async for chunk in response.content.iter_chunked(transport.CHUNK):
                self._fits(landing.bytes + len(chunk), limit)
                await asyncio.to_thread(landing.take, chunk)
                self._is_zip(landing, response)
                self._is_fast(landing.bytes, clock() - began)
            if landing.bytes < len(_ZIP):
                raise self._no_archive("nothing")
            return landing.fetched()

    def _fits(self, size: int, limit: int) -> None:
        if size > limit:
            raise SourceFailure(
                reasons.SOURCE_TOO_LARGE,
                f"{self._address.what}: the archive is over {limit:,} bytes as it comes",
            )

    def _is_fast(self, size: int, seconds: float) -> None:
        """Nothing that drips holds a place for as long as an archive may take."""
        least = self._policy.least_bytes_per_second
        if seconds > self._policy.grace_seconds and size < least * seconds:
            raise SourceFailure(
                reasons.SOURCE_UNREACHABLE,
                f"{self._address.what}: {netloc(self.url)} sends less than {least:,.0f} bytes"
                " a second",
            )

    def _is_zip(self, landing: "_Landing", response: aiohttp.ClientResponse) -> None:
        """As soon as it can be told: a login page is not worth its bytes."""
        if len(landing.begin) < len(_ZIP) or landing.begin.startswith(_ZIP):
            return
        if landing.begin.startswith(_GZIP):
            raise self._no_archive("something compressed with gzip")
        raise self._no_archive(_CONTENT.get(response.content_type, "something else"))

    def _no_archive(self, what: str) -> SourceFailure:
        host = netloc(self.url)
        return SourceFailure(
            reasons.SOURCE_NOT_ARCHIVE, f"{self._address.what}: {host} sent {what}, not a zip"
        )


_ZIP: Final = b"PK"
_GZIP: Final = b"\x1f\x8b"
_CONTENT: Final = {
    "text/html": "an HTML page",
    "application/xhtml+xml": "an HTML page",
    "application/json": "JSON",
    "text/plain": "plain text",
    "application/x-tar": "a tar archive",
}


class _Landing:
    """The file, and what is known of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self.bytes = 0
        self.begin = b""

    def take(self, chunk: bytes) -> None:
        self.begin += chunk[: len(_ZIP) - len(self.begin)]
        self._digest.update(chunk)
        self._file.write(chunk)
        self.bytes += len(chunk)

    def fetched(self) -> Fetched:
        self._file.flush()
        return Fetched(path=self._path, bytes=self.bytes, sha256=self._digest.hexdigest())

    def __enter__(self) -> "_Landing":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if error is not None:
            self._path.unlink(missing_ok=True)
