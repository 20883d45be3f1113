"""What the API server sends is measured before it is read; what is too large is a stub."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.api import names, sizes
from bastaix.reconcile import packed, reading

METADATA: dict[str, Any] = {
    "name": "a",
    "namespace": "demo",
    "uid": "u1",
    "resourceVersion": "7",
    "labels": {names.NAME_LABEL: "a"},
}
LEAF = st.none() | st.booleans() | st.integers() | st.text()
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAF, lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside), max_leaves=30
)


def text_of(spec: str, metadata: dict[str, Any] = METADATA, **more: Any) -> str:
    """As the API server orders it, with a spec that json.dumps could not write."""
    head = json.dumps({"kind": "K", "metadata": metadata}, separators=(",", ":"))
    tail = json.dumps(more)
    return f'{head[:-1]},"spec":{spec}{"," if more else ""}{tail[1:]}'


DEEP = '{"a":' + "[" * 5000 + "]" * 5000 + "}"
MANY = '{"a":[' + ",".join(["{}"] * 60_000) + "]}"
LONG = '{"a":"' + "x" * (sizes.MOST_BYTES + 1000) + '"}'


@given(st.dictionaries(st.text(), JSON))
def test_finds_where_each_member_begins_and_ends(value: dict[str, Any]) -> None:
    text = json.dumps(value).encode()
    found = {key: json.loads(text[a:z]) for key, a, z in reading.members(text, 0)}
    assert found == value


@given(st.dictionaries(st.text(), JSON))
def test_an_object_comes_back_as_it_was(spec: dict[str, Any]) -> None:
    body = {"metadata": METADATA, "spec": spec}
    carried = json.loads(json.dumps(packed.brief(json.dumps(body).encode())))
    assert carried["metadata"] == METADATA
    assert packed.whole(carried) == body


@pytest.mark.parametrize("spec", [DEEP, MANY, LONG], ids=["deep", "many", "long"])
def test_of_what_is_too_large_there_is_its_name_and_its_status(spec: str) -> None:
    metadata = {**METADATA, "managedFields": [{"fieldsV1": {"x" * 9: {}}}]}
    text = text_of(spec, metadata, status={"url": "u"}).encode()
    for found in (packed.brief(text), reading.read_answer(text)):
        assert sizes.is_stub(found)
        assert (found["metadata"], found["status"]) == (METADATA, {"url": "u"})


def test_metadata_that_is_nested_too_deeply_is_passed_over() -> None:
    deep = '{"annotations":' + DEEP + "," + json.dumps(METADATA)[1:]
    found = packed.brief(f'{{"metadata":{deep},"spec":{{}}}}'.encode())
    assert found["metadata"] == METADATA


def test_of_what_has_been_cut_off_there_is_what_comes_before() -> None:
    cut = text_of(LONG)[:-1]
    assert packed.brief(cut.encode())["metadata"] == METADATA
    with pytest.raises(ValueError, match="cut off"):
        reading.reduced(cut[:60].encode(), sizes.LARGE)


def test_a_list_is_read_with_stubs_where_its_items_are_too_large() -> None:
    items = f"[{text_of('{}')},{text_of(MANY)}]"
    page = reading.read_answer(f'{{"items":{items},"metadata":{{"continue":"c"}}}}'.encode())
    assert page["metadata"] == {"continue": "c"}
    assert [sizes.is_stub(each) for each in page["items"]] == [False, True]


def test_what_nobody_reads_is_not_kept() -> None:
    annotations = {names.APPLIED_ANNOTATION: "y" * 9000, "other": "x" * 9000, "short": "s"}
    body = {"metadata": {**METADATA, "annotations": annotations, "managedFields": [1]}}
    kept = packed.unpack(packed.packed(body))["metadata"]
    del annotations["other"]
    assert kept == {**METADATA, "annotations": annotations}


def test_a_text_that_has_been_cut_off_anywhere_is_said_to_be() -> None:
    text = text_of('{"a":[1,{"b":"c"}],"d":null}', status={"url": "u"})
    for at in range(len(text)):
        with pytest.raises(json.JSONDecodeError):
            list(reading.members(text[:at].encode(), 0))


def test_a_status_that_is_not_known_is_not_an_empty_one() -> None:
    vast = {"history": [{}] * 60_000}
    for text in (text_of(MANY, status=vast), text_of(MANY, status={"url": "u"})[:-3]):
        found = packed.brief(text.encode())
        assert sizes.has_lost_status(found)
        assert sizes.has_lost_status(packed.unpack(packed.packed(found)))
    assert not sizes.has_lost_status(packed.brief(text_of(MANY).encode()))


SHAPES = {
    "maps": "[" + ",".join(["{}"] * 340_000) + "]",
    "lists": "[" + ",".join(["[[[[]]]]"] * 110_000) + "]",
    "deep": "[" + ",".join(["[" * 90 + "]" * 90] * 5_700) + "]",
    "deeper": "[" + ",".join(["[" * 900 + "]" * 900] * 570) + "]",
    "texts": "[" + ",".join(['"\\\\\\"[{"'] * 100_000) + "]",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_of_what_is_too_large_nothing_is_made(shape: str) -> None:
    """It would take twenty times as much memory, and stop everybody for up to a second."""
    text = text_of(f'{{"a":{SHAPES[shape]},"b":1}}', status={"url": "u"}).encode()
    tracemalloc.start()
    try:
        found = packed.brief(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found["spec"], found["status"]) == ({"b": 1}, {"url": "u"})
    assert peak < 5 * len(text)


@given(JSON, st.integers(1, 5))
def test_the_depth_of_a_text_is_that_of_its_values(value: Any, levels: int) -> None:
    text = json.dumps(value).encode()
    assert sizes.is_deeper(text, levels) == (depth(value) > levels)


def depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inside), default=0)
