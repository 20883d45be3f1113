"""The echo app speaks the OpenAI API: questions read, answers and streams shaped."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_apps.echo.answers import Answer, Endpoint, Question, Refused, events, question, tokens

HELLO = {"messages": [{"role": "user", "content": "Hello there, you"}]}


def ask(body: object, endpoint: Endpoint = "chat") -> Question:
    return question(body, endpoint=endpoint, model="m")


def answer(body: object, endpoint: Endpoint = "chat") -> Answer:
    return Answer(ask(body, endpoint), id="1", created=7)


def streamed(given: Answer) -> list[dict[str, Any]]:
    """The chunks a client reads, having checked that the stream says its end."""

    async def spoken() -> AsyncIterator[str]:
        for token in given.tokens:
            yield token

    async def collect() -> list[str]:
        return [event async for event in events(given, spoken())]

    lines = asyncio.run(collect())
    assert all(line.startswith("data: ") and line.endswith("\n\n") for line in lines)
    assert lines[-1] == "data: [DONE]\n\n"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


@given(st.text())
def test_the_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text


def test_the_last_thing_the_user_said_is_echoed() -> None:
    body = {
        "messages": [
            {"role": "user", "content": "first"},
            {"role": "user", "content": "second"},
            {"role": "assistant", "content": "third"},
        ]
    }
    assert answer(body).whole()["choices"][0]["message"] == {
        "role": "assistant",
        "content": "second",
    }


def test_the_text_parts_of_a_message_are_echoed() -> None:
    parts = [{"type": "text", "text": "a "}, {"type": "image_url"}, {"type": "text", "text": "b"}]
    assert ask({"messages": [{"role": "user", "content": parts}]}).text == "a b"


def test_a_chat_answer_has_the_shape_clients_expect() -> None:
    whole = answer(HELLO).whole()
    assert whole == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there, you"},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6},
    }


@pytest.mark.parametrize("prompt", ["a b", ["a b"]])
def test_a_text_answer_has_the_shape_clients_expect(prompt: object) -> None:
    whole = answer({"prompt": prompt}, "text").whole()
    assert whole["object"] == "text_completion"
    assert whole["choices"] == [
        {"index": 0, "text": "a b", "logprobs": None, "finish_reason": "stop"}
    ]


def test_all_that_was_said_counts_as_prompt() -> None:
    said = [{"role": "system", "content": "be brief"}, *HELLO["messages"]]
    assert ask({"messages": said}).prompt_tokens == 5


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_an_answer_is_cut_at_the_limit(limit: str) -> None:
    whole = answer({**HELLO, limit: 2}).whole()
    assert whole["choices"][0]["message"]["content"] == "Hello there, "
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize("instead", ["I do not know", ""])
def test_another_answer_takes_the_place_of_the_echo(instead: str) -> None:
    given = Answer(ask(HELLO), id="1", created=7, instead=instead)
    (choice,) = given.whole()["choices"]
    assert choice["message"]["content"] == instead
    assert choice["finish_reason"] == "stop"
    said = [chunk["choices"][0]["delta"].get("content", "") for chunk in streamed(given)]
    assert "".join(said) == instead


def test_another_answer_is_cut_at_the_limit_too() -> None:
    given = Answer(ask({**HELLO, "max_tokens": 1}), id="1", created=7, instead="I know")
    (choice,) = given.whole()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("I ", "length")


def test_a_chat_stream_says_who_what_and_why_it_ends() -> None:
    choices = [chunk["choices"][0] for chunk in streamed(answer(HELLO))]
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert [one["delta"]["content"] for one in choices[1:-1]] == ["Hello ", "there, ", "you"]
    assert [one["finish_reason"] for one in choices] == [None, None, None, None, "stop"]


def test_a_text_stream_joined_is_the_text() -> None:
    chunks = streamed(answer({"prompt": "a b  c"}, "text"))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "a b  c"
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}


@pytest.mark.parametrize("wanted", [True, False])
def test_a_stream_tells_its_usage_when_asked(wanted: bool) -> None:
    chunks = streamed(answer({**HELLO, "stream_options": {"include_usage": wanted}}))
    assert ("usage" in chunks[-1]) is wanted
    assert all("usage" not in chunk for chunk in chunks[:-1])


@pytest.mark.parametrize("model", [{}, {"model": "m"}])
def test_the_model_may_be_named_or_not(model: dict[str, str]) -> None:
    assert ask({**HELLO, **model}).model == "m"


def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(Refused) as refused:
        ask({**HELLO, "model": "other"})
    assert refused.value.status == 404
    assert refused.value.body["error"] == {
        "message": "the model 'other' does not exist; this app serves 'm'",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


@pytest.mark.parametrize(
    ("endpoint", "body", "param"),
    [
        ("chat", [], None),
        ("chat", {}, "messages"),
        ("chat", {"messages": "hello"}, "messages"),
        ("chat", {"messages": ["hello"]}, "messages"),
        ("chat", {"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ("chat", {"messages": [{"role": "user", "content": 3}]}, "messages"),
        ("chat", {"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages"),
        ("chat", {**HELLO, "max_tokens": 0}, "max_tokens"),
        ("chat", {**HELLO, "max_tokens": "many"}, "max_tokens"),
        ("text", {}, "prompt"),
        ("text", {"prompt": 3}, "prompt"),
        ("text", {"prompt": ["a", "b"]}, "prompt"),
    ],
)
def test_a_request_that_cannot_be_answered_is_a_bad_request(
    endpoint: Endpoint, body: object, param: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        ask(body, endpoint)
    assert refused.value.status == 400
    assert refused.value.body["error"]["param"] == param


def test_a_refusal_never_repeats_what_was_said() -> None:
    with pytest.raises(Refused) as refused:
        ask({"messages": [{"role": "system", "content": "hush hush"}]})
    assert "hush" not in json.dumps(refused.value.body)
