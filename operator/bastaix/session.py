"""What the API server sends to kopf, cut down before kopf makes Python objects of it.

kopf parses each page of a listing as a whole, and holds each body for a third of a second. So a
page is read alone and one object at a time (`reconcile.cutting`), and of each object kopf gets the
metadata in brief, and the rest compressed (`reconcile.packed`). kopf 1.45 takes a session of one's
own, and of a response it uses `json()` for a listing and `content.iter_chunked()` for a watch.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Final

import aiohttp

from bastaix.reconcile import packed
from bastaix.reconcile.cutting import Cutter
from bastaix.reconcile.kinds import Kind, of_plural
from bastaix.reconcile.reading import Body

LONGEST_LINE: Final = 4 * 1024 * 1024
"""Of a watch; what is beyond is not kept."""
CHUNK: Final = 64 * 1024
LONGEST_ERROR: Final = 64 * 1024
_EVENT: Final = re.compile(rb'\{"type":"(ADDED|MODIFIED|DELETED)","object":')

logger = logging.getLogger(__name__)


def response_class() -> type[aiohttp.ClientResponse]:
    """The class of the responses of one session, which reads one page at a time."""
    one_page = asyncio.Lock()

    class Response(aiohttp.ClientResponse):
        async def json(self, **options: Any) -> Any:
            kind = of_plural(self.url.name)
            # which groups and kinds there are only an administrator decides, and they may be many
            if self.status >= 400 or kind is None:
                return await super().json(**options)
            async with one_page:
                return await page(self.content.iter_chunked(CHUNK), kind)

        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            await super().start(connection)
            if self.status == 200 and self.url.query.get("watch"):
                kind = of_plural(self.url.name)
                self.content = Lines(self.content, kind)  # type: ignore[assignment]
            return self

    return Response


class Lines:
    """A watch as a stream of lines, each with its object in brief."""

    def __init__(self, content: aiohttp.StreamReader, kind: Kind | None = None) -> None:
        self._content = content
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        line = bytearray()
        async for data in self._content.iter_chunked(min(size, CHUNK)):
            *ends, rest = data.split(b"\n")
            for end in ends:
                event = brief_event(bytes(line + end), self._kind)
                line.clear()
                if event:
                    yield event + b"\n"
            if len(line) < LONGEST_LINE:
                line += rest


async def page(pieces: AsyncIterable[bytes], kind: Kind | None = None) -> Any:
    """A page of a listing, its objects in brief; those that cannot even be named are left out.

    One that is too large takes up to half a second, so others get their turn after each piece.
    ValueError: it is no listing.
    """
    cutter = Cutter()
    bodies: list[Body] = []
    async for piece in pieces:
        for data in cutter.objects(piece):
            body = _brief(data, kind)
            if body is not None:
                bodies.append(body)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
    frame = cutter.frame()
    return {**frame, "items": bodies} if bodies else frame


def brief_event(line: bytes, kind: Kind | None = None) -> bytes:
    """An event of a watch with its object in brief; nothing of one that cannot be named."""
    match = _EVENT.match(line)
    if match is None:
        return line if len(line) <= LONGEST_ERROR else b""
    body = _brief(line[match.end() :].rstrip().removesuffix(b"}"), kind)
    if body is None:
        return b""
    return json.dumps({"type": match[1].decode(), "object": body}).encode()


def _brief(data: bytes, kind: Kind | None) -> Body | None:
    try:
        return packed.brief(data, kind)
    except ValueError as error:
        logger.warning("an object is left out: %s", error)
        return None
