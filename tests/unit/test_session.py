"""kopf gets objects in brief, however large a line or a page is."""

import json
import tracemalloc
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bastaix import session
from bastaix.api import sizes
from bastaix.reconcile import cutting, packed
from bastaix.reconcile.kinds import POD

BODY: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {"name": "a", "namespace": "demo", "uid": "u1", "resourceVersion": "7"},
    "spec": {"text": "one\\ntwo"},
}
ENDED = b'{"type":"ERROR","object":{"kind":"Status","code":410}}'


class Content:
    """A response that comes in pieces of so many bytes."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = data, size

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        for at in range(0, len(self._data), self._size):
            yield self._data[at : at + self._size]


def event(body: dict[str, Any], type: str = "ADDED") -> bytes:
    return json.dumps({"type": type, "object": body}, separators=(",", ":")).encode()


def pieces(text: str, size: int = 2**16) -> AsyncIterable[bytes]:
    return Content(text.encode(), size).iter_chunked(size)


async def events(data: bytes, size: int) -> list[dict[str, Any]]:
    lines = session.Lines(cast(aiohttp.StreamReader, Content(data, size)))
    return [json.loads(line) async for line in lines.iter_chunked(2**20)]


@pytest.mark.parametrize("size", [1, 7, 2**16])
async def test_each_line_of_a_watch_is_an_event_in_brief(size: int) -> None:
    data = event(BODY) + b"\n" + event(BODY, "DELETED") + b"\n" + ENDED + b"\n"
    first, second, last = await events(data, size)
    assert (first["type"], second["type"]) == ("ADDED", "DELETED")
    assert first["object"]["metadata"] == BODY["metadata"]
    assert packed.whole(first["object"]) == BODY
    assert last == json.loads(ENDED)


async def test_a_line_that_is_too_long_names_its_object_and_the_next_one_is_whole() -> None:
    large = {**BODY, "spec": {"text": "x" * (session.LONGEST_LINE + 2**20)}}
    first, second = await events(event(large) + b"\n" + event(BODY) + b"\n", 2**16)
    assert sizes.is_stub(first["object"])
    assert first["object"]["metadata"] == BODY["metadata"]
    assert packed.whole(second["object"]) == BODY


async def test_what_cannot_be_named_is_left_out() -> None:
    nameless = b'{"type":"ADDED","object":{"spec":"' + b"x" * 2_000_000 + b'"}}\n'
    assert await events(nameless + event(BODY) + b"\n", 2**16) == await events(
        event(BODY) + b"\n", 9999
    )


@pytest.mark.parametrize("size", [1, 7, 2**16])
@pytest.mark.parametrize("order", [("items", "kind", "metadata"), ("kind", "metadata", "items")])
async def test_a_page_has_its_items_in_brief(order: tuple[str, ...], size: int) -> None:
    whole = {"items": [BODY, BODY], "kind": "PodList", "metadata": {"continue": "c"}}
    found = await session.page(pieces(json.dumps({key: whole[key] for key in order}), size))
    assert (found["kind"], found["metadata"]) == ("PodList", {"continue": "c"})
    assert [packed.whole(each) for each in found["items"]] == [BODY, BODY]


async def test_a_page_without_items_is_one() -> None:
    found = await session.page(pieces('{"items":null,"kind":"PodList"}'))
    assert found == {"items": None, "kind": "PodList"}


async def test_of_a_page_one_object_at_a_time_is_read() -> None:
    """380,000 empty maps are 1.1 MB as text, and 27 MB as Python objects."""
    many = json.dumps({**BODY, "spec": [{}] * 60_000})
    tracemalloc.start()
    try:
        found = await session.page(pieces(f'{{"items":[{",".join([many] * 6)}]}}'))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(map(sizes.is_stub, found["items"]))
    assert peak < 15_000_000, "one has 4 MB, and their text is held twice"


WIDE = "\\u003c" * 1_350_000 + "\U0001f600"
"""8.1 MB as Go writes `<`, and four bytes for each character once it is a string."""


async def test_of_a_page_one_object_at_a_time_is_held() -> None:
    """Four such objects are 32 MB as text, and 130 MB as one string."""
    number = 4
    text = json.dumps({**BODY, "spec": {"text": "WIDE"}}).replace("WIDE", WIDE).encode()

    async def come() -> AsyncIterator[bytes]:
        yield b'{"kind":"PodList","metadata":{"continue":"c"},"items":['
        for left in reversed(range(number)):
            for at in range(0, len(text), 2**16):
                yield text[at : at + 2**16]
            yield b"," if left else b"]}"

    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        found = await session.page(come(), POD)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found["metadata"] == {"continue": "c"}
    assert [each["metadata"]["uid"] for each in found["items"]] == ["u1"] * number
    assert peak - before < 5 * cutting.LONGEST_OBJECT, "one object is held, and no page"


@pytest.mark.parametrize("size", [1, 5, 2**16])
async def test_brackets_quotes_and_backslashes_in_strings_cut_nothing(size: int) -> None:
    texts = ['"items":[{', "]}", "\\", '\\"', "}\\\\", '{"a":"[', ""]
    bodies = [{**BODY, "spec": {text: text, "deep": [[[[[[text]]]], {}]]}} for text in texts]
    listing = {"kind": 'a"items":[', "others": [{"items": [1]}], "items": bodies}
    found = await session.page(pieces(json.dumps(listing), size))
    assert [packed.whole(each) for each in found["items"]] == bodies
    assert {key: found[key] for key in ("kind", "others")} == {
        key: listing[key] for key in ("kind", "others")
    }


@pytest.mark.parametrize("text", ["", "[]", "not JSON", '{"items":[', '{"items":[{"a":"', "]]}}"])
async def test_what_is_no_listing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|a listing is a map"):
        await session.page(pieces(text))


async def test_a_listing_with_much_around_its_objects_is_refused() -> None:
    with pytest.raises(ValueError, match="around its objects"):
        await session.page(pieces(json.dumps({"kind": "x" * 100_000, "items": [BODY]})))


async def answers(path: str, document: dict[str, Any]) -> dict[str, Any]:
    """What kopf gets of a document of a fake API server."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(document)

    app = web.Application()
    app.router.add_get(path, answer)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(response_class=session.response_class()) as client,
        client.get(server.make_url(path)) as response,
    ):
        found: dict[str, Any] = await response.json()
    return found


async def test_kopf_gets_all_groups_and_kinds_however_many_the_cluster_has() -> None:
    groups = {"groups": [{"name": f"group-{n}.example.org"} for n in range(10_000)]}
    assert await answers("/apis", groups) == groups
    kinds = {"resources": [{"name": f"kinds{n}", "kind": f"Kind{n}"} for n in range(10_000)]}
    assert await answers("/apis/ray.io/v1", kinds) == kinds


async def test_kopf_gets_a_page_of_a_watched_kind_in_brief() -> None:
    listing = await answers(
        "/apis/serving.bastaix.dev/v1alpha1/modeldeployments", {"items": [BODY]}
    )
    (found,) = listing["items"]
    assert found["metadata"] == BODY["metadata"]
    assert "spec" not in found
    assert packed.whole(found) == BODY
