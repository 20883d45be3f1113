"""What servers say, whole and in pieces, as one text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.evaluation.answers import BrokenOff, Malformed, Said, ServerSaid, Stream, whole


def events(*bodies: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(body).encode() + b"\n\n" for body in bodies)


def delta(finish: str | None = None, index: int = 0, **said: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": said, "finish_reason": finish}]}


ROME = events(delta(role="assistant", content=""), delta(content="Ro"), delta(content="më"))
END = events(delta("stop")) + b"data: [DONE]\n\n"


@given(st.lists(st.integers(0, len(ROME + END)), max_size=6))
def test_a_stream_is_the_same_however_it_is_cut(places: list[int]) -> None:
    data, stream, before = ROME + END, Stream("chat"), 0
    for place in [*sorted(places), len(data)]:
        stream.feed(data[before:place])
        before = place
    assert stream.end() == Said("Romë", "stop")


def test_the_first_token_is_not_the_role() -> None:
    stream = Stream("chat")
    assert not stream.feed(events(delta(role="assistant", content="")))
    assert stream.feed(events(delta(content="Ro")))


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "tool_calls"])
def test_a_thought_is_a_token_and_not_in_the_text(key: str) -> None:
    stream = Stream("chat")
    assert stream.feed(events(delta(**{key: "hm"})))
    stream.feed(END)
    assert stream.end().text == ""


def test_a_stream_may_end_with_its_reason_alone_or_without_a_last_newline() -> None:
    for end in (events(delta("stop")), b"data: [DONE]"):
        stream = Stream("chat")
        stream.feed(ROME + end)
        assert stream.end().text == "Romë"


def test_a_stream_that_just_ends_is_broken_off() -> None:
    stream = Stream("chat")
    stream.feed(ROME)
    with pytest.raises(BrokenOff):
        stream.end()


def test_other_choices_comments_and_other_fields_are_passed_over() -> None:
    stream = Stream("chat")
    stream.feed(b": ping\nevent: x\r\n" + events(delta(index=1, content="other")) + ROME + END)
    assert stream.end().text == "Romë"


@pytest.mark.parametrize(
    ("error", "status"),
    [({"code": 429}, 429), ({"code": "x"}, 500), ({"code": True}, 500), ("no", 500)],
)
def test_an_error_within_a_stream_is_one(error: Any, status: int) -> None:
    with pytest.raises(ServerSaid) as caught:
        Stream("chat").feed(events({"error": error}))
    assert caught.value.status == status


def test_an_event_that_is_no_json_is_malformed() -> None:
    with pytest.raises(Malformed):
        Stream("chat").feed(b"data: hello\n")


def test_whole_answers() -> None:
    chat = {"choices": [{"message": {"content": "Rome"}, "finish_reason": "stop"}]}
    text = {"choices": [{"index": 0, "text": "Rome", "finish_reason": "length"}]}
    assert whole("chat", json.dumps(chat).encode()) == Said("Rome", "stop")
    assert whole("text", json.dumps(text).encode()) == Said("Rome", "length")


@pytest.mark.parametrize("data", [b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": 1}'])
def test_what_is_no_openai_answer_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        whole("chat", data)


def test_a_raw_answer_is_its_body_and_json_in_canonical_form() -> None:
    assert whole("raw", b"plain \xff").text == "plain �"
    assert whole("raw", '{"b": 1,\n "a": "é"}'.encode()).text == '{"a":"é","b":1}'
